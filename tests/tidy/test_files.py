"""Files: each is used, listed where it must be, short enough, and free of this machine."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from stressd_kernels.ops.catalog import OPS
from tests.tidy.sources import (
    DAEMON,
    KERNELS,
    REPO,
    imports,
    modules,
    structure_packages,
    tracked_files,
)

LINES_MAX = 450
PYPROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))

# Folders whose modules are alternatives of one thing; each folder's __init__.py lists them.
REGISTRIES = [
    KERNELS / "ops",
    KERNELS / "sources",
    DAEMON / "sources",
    DAEMON / "traces",
    DAEMON / "oracles",
    DAEMON / "bench" / "sections",
]
# Folders that are the same everywhere: to name one says nothing about a machine.
EVERYWHERE = {"/", "/home", "/opt", "/run", "/srv", "/tmp", "/usr", "/var", "/var/tmp"}
# Files that may be longer, with the reason; the list may only shrink.
LONG: dict[str, str] = {}


def entry_points() -> set[str]:
    """Return the modules that are started rather than imported."""
    scripts = {target.partition(":")[0] for target in PYPROJECT["project"]["scripts"].values()}
    return scripts | {"stressd", "stressd_kernels", "stressd.__main__"}


def test_every_module_is_imported_by_something() -> None:
    """A module that nothing imports is dead code; the model is there for its tests."""
    shipped = (*modules(KERNELS), *modules(DAEMON))
    used = {name for module in shipped for name in imports(module) if name != module.name}
    tests = (name for module in modules(REPO / "tests" / "model") for name in imports(module))
    used |= {name for name in tests if name.startswith("stressd_kernels.model.")}
    assert {m.name for m in shipped} - used - entry_points() == set()


@pytest.mark.parametrize("folder", REGISTRIES, ids=lambda f: "-".join(f.parts[-2:]))
def test_every_alternative_is_listed(folder: Path) -> None:
    """A module of a registry folder that its list forgot could never be chosen."""
    registry, *members = modules(folder)
    assert registry.path.name == "__init__.py"
    assert {m.name for m in members} - set(imports(registry)) == set()


def test_every_structure_is_listed() -> None:
    """Each structure's package is imported by structures.py."""
    registry = next(m for m in modules(KERNELS) if m.path.name == "structures.py")
    structures = {module.name for module in structure_packages()}
    assert structures
    assert structures - set(imports(registry)) == set()


def test_the_catalogue_of_operations_names_their_files() -> None:
    """An operation is one file and one line: the names agree."""
    files = {path.stem for path in (KERNELS / "ops").glob("*.py")} - {"__init__", "catalog"}
    assert {op.name for op in OPS} == files


def test_no_file_is_too_long() -> None:
    """A file of more than 450 lines is two files."""
    sources = (*modules(KERNELS), *modules(DAEMON), *modules(REPO / "tests"))
    assert {m.where for m in sources if m.text.count("\n") > LINES_MAX} == set(LONG)


def test_public_functions_and_classes_say_what_they_are() -> None:
    """Everything public at the top of a module has a docstring."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    silent = [
        f"{module.where}:{node.lineno} {node.name}"
        for module in (*modules(KERNELS), *modules(DAEMON))
        for node in module.tree.body
        if isinstance(node, definitions) and not node.name.startswith("_")
        if not ast.get_docstring(node)
    ]
    assert silent == []


def configured_hosts() -> set[str]:
    """Return the hosts from which pip installs here, but for names that might be any word."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    hosts = {host.split("@")[-1] for host in re.findall(r"://([^/\s'\"]+)", listing.stdout)}
    return {host for host in hosts if "." in host and not host.startswith("127.")}


def test_no_tracked_file_speaks_of_this_machine() -> None:
    """No path of a checkout or a home folder, no host of a package registry."""
    home = Path(os.path.expanduser("~"))  # "~" for a user whom nobody knows
    places = {str(place) for place in (REPO, REPO.parent, home) if place.is_absolute()}
    places -= {tempfile.gettempdir(), *EVERYWHERE}
    words = [rf"(?<![\w.-]){re.escape(place)}/" for place in places]
    words += [re.escape(host) for host in configured_hosts()]
    words += ["files" + r"\.pythonhosted\.org", r"extra-index" + "-url"]
    pattern = re.compile("|".join(words))
    found = []
    for path in tracked_files():
        data = path.read_bytes()
        if b"\0" not in data[:8192]:
            for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
                if pattern.search(line):
                    found.append(f"{path.relative_to(REPO)}:{number}: {line.strip()[:100]}")
    assert found == []


def test_the_changelog_knows_the_current_version() -> None:
    """Whoever raises the version says what changed."""
    changelog = (REPO / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{PYPROJECT['project']['version']}]" in changelog


def test_the_constraints_are_names_and_versions_only() -> None:
    """Anything else (a host, a path, an editable) would tie the project to one machine."""
    lines = (REPO / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert [line for line in pinned if not re.fullmatch(r"[\w.-]+==[\w.!+]+", line)] == []


def test_every_requirement_is_pinned() -> None:
    """What pyproject.toml asks for, constraints.txt fixes."""
    project = PYPROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = {re.split(r"[^\w.-]", line)[0] for group in groups for line in group}
    text = (REPO / "constraints.txt").read_text(encoding="utf-8")
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in text.splitlines()}
    assert {name for name in wanted if name.lower().replace("_", "-") not in pinned} == set()
