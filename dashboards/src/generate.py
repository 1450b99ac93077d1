"""Write the dashboards that Grafana reads: `python dashboards/src/generate.py`."""

from __future__ import annotations

import argparse
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from overview import overview

DASHBOARDS = {"stressd-overview.json": overview}
GRAFANA = Path(__file__).resolve().parents[1] / "grafana"


def main() -> None:
    """Generate every dashboard into the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=GRAFANA)
    folder = parser.parse_args().folder
    for name, make in DASHBOARDS.items():
        text = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(make())
        (folder / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
