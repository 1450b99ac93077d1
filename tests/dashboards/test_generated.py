"""What Grafana reads is what the sources say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.dashboards.sources import DASHBOARDS, GRAFANA


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    """Nobody edited the JSON, and nobody forgot to generate it."""
    command = [sys.executable, str(DASHBOARDS / "src" / "generate.py"), str(tmp_path)]
    subprocess.run(command, check=True)
    generated = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert generated == {path.name: path.read_text(encoding="utf-8") for path in GRAFANA}
