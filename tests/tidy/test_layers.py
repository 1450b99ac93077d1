"""Imports point one way: tests -> stressd -> stressd_kernels -> numba, llvmlite, numpy."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.tidy.sources import (
    DAEMON,
    KERNELS,
    REPO,
    Module,
    imports,
    modules,
    structure_packages,
)

KERNEL_IMPORTS = {"numba", "llvmlite", "numpy", "stressd_kernels", *sys.stdlib_module_names}
# The door, the cache that it compiles into, the vector instructions beside it, and the delays
# that its calls contain in the perturbed build.
COMPILER_MODULES = {"door_native.py", "compile_cache.py", "lanes.py", "signs.py", "delays.py"}
# The machine that schedules kernels which were not compiled.
MODEL_IMPORTS = {("kernels/stressd_kernels/model/machine.py", "greenlet")}
# Imports that come with another distribution, pinned by it.
COMES_WITH = {"pydantic_core": "pydantic"}


def structure_names() -> set[str]:
    """Return the names of the structures' packages."""
    return {module.path.parent.name for module in structure_packages()}


def top_level(name: str) -> str:
    """Return the first part of a dotted name."""
    return name.partition(".")[0]


def identifiers(module: Module) -> set[str]:
    """Return every name, attribute and imported name in the code of `module`."""
    found = {part for name in imports(module) for part in name.split(".")}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found


def test_kernels_know_nothing_of_the_daemon() -> None:
    """kernels/ imports only numba, llvmlite, numpy, the standard library and itself."""
    used = {(m.where, top_level(name)) for m in modules(KERNELS) for name in imports(m)}
    assert used
    assert {pair for pair in used if pair[1] not in KERNEL_IMPORTS} == MODEL_IMPORTS


def test_only_the_door_knows_the_compiler() -> None:
    """How kernels are compiled is decided in one place; all others import its names."""
    used = {(m.path.name, top_level(name)) for m in modules(KERNELS) for name in imports(m)}
    users = {file for file, name in used if name in ("numba", "llvmlite")}
    assert users <= COMPILER_MODULES


def test_nothing_shipped_imports_the_tests() -> None:
    """Neither package imports from tests/, nor a test library."""
    forbidden = {"tests", "pytest", "hypothesis", "pytest_trio"}
    shipped = (*modules(KERNELS), *modules(DAEMON))
    assert {(m.where, name) for m in shipped for name in imports(m) if name in forbidden} == set()


def test_a_specification_imports_nothing_of_what_it_judges() -> None:
    """A model of the rules that shared code with the kernels would share their mistakes."""
    models = modules(REPO / "tests" / "mm" / "spec")
    used = {(m.where, name) for m in models for name in imports(m)}
    assert used
    allowed = sys.stdlib_module_names | {"tests"}
    assert {pair for pair in used if top_level(pair[1]) not in allowed} == set()
    assert {p for p in used if p[1].startswith("tests") and "tests.mm.spec" not in p[1]} == set()


def test_a_structure_never_imports_another() -> None:
    """What two structures share lives beside them, not in one of them."""
    crossed, structures = [], structure_names()
    for module in modules(KERNELS):
        own = module.path.relative_to(KERNELS).parts[0]
        foreign = {f"stressd_kernels.{name}" for name in structures - {own}}
        if own in structures:
            crossed += [(module.where, n) for n in imports(module) if n.startswith(tuple(foreign))]
    assert crossed == []


def test_an_op_never_names_a_structure() -> None:
    """Operations speak to a tree through its verbs, so each works on every structure."""
    named = re.compile("|".join(sorted(structure_names())))
    offenders = {
        (module.where, name)
        for module in modules(KERNELS / "ops")
        for name in identifiers(module)
        if named.search(name.lower())
    }
    assert offenders == set()


def test_everything_the_daemon_imports_is_declared() -> None:
    """A package that happens to be installed here may be missing on a user's machine."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = [*project["dependencies"], *project["optional-dependencies"]["bench"]]
    declared = {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in required}
    homes = packages_distributions()
    strangers = set()
    for module in modules(DAEMON):
        for name in map(top_level, imports(module)):
            if name in sys.stdlib_module_names or name in ("stressd", "stressd_kernels"):
                continue
            owners = {home.lower().replace("_", "-") for home in homes.get(name, [name])}
            owners.add(COMES_WITH.get(name, name))
            if not owners & declared:
                strangers.add((module.where, name))
    assert strangers == set()
