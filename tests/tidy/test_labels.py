"""Every memory-ordering site carries a label, argued in a table and answered by its partners."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from dataclasses import dataclass
from functools import cache

import pytest

from tests.tidy.sources import KERNELS, Module, modules

ORDERING = {
    "load_acquire",
    "load_ref",
    "store_release",
    "fence_full",
    "fence_acquire",
    "fence_release",
    "compare_exchange",
    "exchange",
    "fetch_add",
}
DOORS = {"door.py", "door_native.py"}
LABEL = re.compile(r"[A-Z]\d+")
TABLE_ROW = re.compile(r"^\s+([A-Z]\d+)\s{2,}\S")
TABLE_HEAD = re.compile(r"^Ordering\b")


@dataclass(frozen=True)
class Site:
    """One ordering call: where it stands, its label and the labels it says it pairs with."""

    module: Module
    line: int
    label: str | None
    partners: frozenset[str] | None

    @property
    def where(self) -> str:
        """Return `path:line`."""
        return f"{self.module.where}:{self.line}"


def comments(module: Module) -> dict[int, tokenize.TokenInfo]:
    """Return the comment of each line that has one."""
    tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
    return {t.start[0]: t for t in tokens if t.type == tokenize.COMMENT}


def partners_named(call: ast.Call, notes: dict[int, tokenize.TokenInfo]) -> frozenset[str] | None:
    """Return the labels after `pairs with` beside the call, or on lines of their own above it."""
    lines = list(range(call.lineno, (call.end_lineno or call.lineno) + 1))
    while (above := notes.get(lines[0] - 1)) and above.line.lstrip().startswith("#"):
        lines.insert(0, lines[0] - 1)
    text = " ".join(notes[line].string for line in lines if line in notes)
    match = re.search(r"pairs with (.+)", text)
    return frozenset(LABEL.findall(match[1])) if match else None


def sites_of(module: Module) -> list[Site]:
    """Return the ordering sites of `module` in order."""
    notes = comments(module)
    found = []
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id in ORDERING:
            last = node.args[-1] if node.args else None
            value = last.value if isinstance(last, ast.Constant) else None
            label = value if isinstance(value, str) and LABEL.fullmatch(value) else None
            found.append(Site(module, node.lineno, label, partners_named(node, notes)))
    return found


def table_of(module: Module) -> dict[str, str]:
    """Return label -> row of the ordering table in the module's docstring."""
    rows: dict[str, str] = {}
    inside = False
    for line in module.docstring.splitlines():
        if TABLE_HEAD.match(line):
            inside = True
        elif inside and not line.strip():
            inside = False
        elif inside and (match := TABLE_ROW.match(line)):
            rows[match[1]] = line
    return rows


def rows_borrowed(module: Module) -> set[str]:
    """Return the labels that the docstring says are `as in` the table of another module."""
    found = set()
    for match in re.finditer(r"^\s+(.+?)\s+as in (\S+\.py)$", module.docstring, re.MULTILINE):
        lender = next((m for m in modules(KERNELS) if m.where.endswith(f"/{match[2]}")), None)
        table = table_of(lender) if lender else {}
        found |= {label for label in LABEL.findall(match[1]) if label in table}
    return found


@cache
def all_sites() -> tuple[Site, ...]:
    """Return the ordering sites of all kernels outside the door itself."""
    protocol = (m for m in modules(KERNELS) if m.path.name not in DOORS)
    return tuple(site for module in protocol for site in sites_of(module))


@pytest.fixture(scope="module")
def pairs() -> dict[str, set[str]]:
    """Label -> every partner that any of its sites names."""
    found: dict[str, set[str]] = defaultdict(set)
    for site in all_sites():
        if site.label:
            found[site.label] |= site.partners or set()
    return found


def test_every_ordering_site_has_a_label() -> None:
    """An acquire, release, fence or swap without a label is an argument nobody wrote down."""
    assert [site.where for site in all_sites() if site.label is None] == []


def test_every_ordering_site_names_its_partners() -> None:
    """One side of an ordering alone orders nothing."""
    assert [site.where for site in all_sites() if not site.partners] == []


def test_every_ordering_site_is_named_back(pairs: dict[str, set[str]]) -> None:
    """If E1 says it pairs with E2, then E2 says it pairs with E1."""
    unanswered = [
        f"{label} names {partner}"
        for label, partners in sorted(pairs.items())
        for partner in sorted(partners)
        if label not in pairs.get(partner, ())
    ]
    assert unanswered == []


def test_every_label_has_a_row_in_the_table_of_its_module() -> None:
    """The table says what each ordering forbids; rows may be borrowed: `S1  as in search.py`."""
    missing = {
        f"{site.where} {site.label}"
        for site in all_sites()
        if site.label and site.label not in {*table_of(site.module), *rows_borrowed(site.module)}
    }
    assert missing == set()


def test_every_row_of_a_table_has_a_site() -> None:
    """A table that argues for a site that is gone misleads its reader."""
    used: dict[str, set[str]] = defaultdict(set)
    for site in all_sites():
        used[site.module.where].add(site.label or "")
    stale = [
        f"{module.where} {label}"
        for module in modules(KERNELS)
        for label in table_of(module)
        if label not in used[module.where]
    ]
    assert stale == []


def test_a_table_names_the_partners_that_the_sites_name(pairs: dict[str, set[str]]) -> None:
    """Table and comments tell the same story."""
    differing = []
    for module in modules(KERNELS):
        for label, row in table_of(module).items():
            named = set(LABEL.findall(row)) - {label}
            if not pairs.get(label, set()) <= named:
                differing.append(f"{module.where} {label}: {sorted(pairs[label])} at the sites")
    assert differing == []


def test_a_label_letter_belongs_to_one_table() -> None:
    """E3 means the same wherever it is said: the rows of a letter stand in one table."""
    owners: dict[str, set[str]] = defaultdict(set)
    for module in modules(KERNELS):
        for label in table_of(module):
            owners[label[0]].add(module.where)
    assert {letter: places for letter, places in owners.items() if len(places) > 1} == {}
