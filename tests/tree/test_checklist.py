"""CHECKLIST.md names tests that exist, in every line of its tables."""

from __future__ import annotations

import ast
import re
from pathlib import Path

CHECKLIST = Path(__file__).with_name("CHECKLIST.md")
TESTS = Path(__file__).resolve().parents[1]
GROUPS = 47  # a line that was lost would not be missed otherwise


def groups() -> dict[str, list[str]]:
    """Return the tests that the checklist names for each group."""
    found = {}
    for line in CHECKLIST.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 2 and cells[0] not in ("group", "---"):
            found[cells[0]] = re.findall(r"`(\w+)`", cells[1])
    return found


def defined() -> set[str]:
    """Return the names of all tests: functions, and classes whatever makes them."""
    names = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Assign):
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if name.lower().startswith("test")}


def test_every_group_has_a_test_that_exists() -> None:
    """A test that was renamed or removed must not go on being named as what covers a group."""
    known = defined()
    assert len(groups()) >= GROUPS
    assert [group for group, tests in groups().items() if not tests] == []
    missing = {name for tests in groups().values() for name in tests} - known
    assert missing == set()
