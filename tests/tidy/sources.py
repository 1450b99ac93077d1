"""The project's own sources, parsed once, for the tests that hold them to its rules."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
KERNELS = REPO / "kernels" / "stressd_kernels"
DAEMON = REPO / "stressd"
KERNEL_DECORATORS = {"kernel", "kernel_inline", "entry", "driver"}


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, its text and its syntax tree."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    @property
    def where(self) -> str:
        """Return the path as one would type it."""
        return str(self.path.relative_to(REPO))

    @property
    def docstring(self) -> str:
        """Return the module docstring, or nothing."""
        return ast.get_docstring(self.tree, clean=True) or ""


@dataclass(frozen=True)
class Kernel:
    """One compiled function, and the decorator that compiles it."""

    module: Module
    node: ast.FunctionDef
    decorator: str

    @property
    def where(self) -> str:
        """Return `path:function`, the form the lists of exceptions use."""
        return f"{self.module.where}:{self.node.name}"


@cache
def modules(folder: Path) -> tuple[Module, ...]:
    """Return all modules below `folder`."""
    root = KERNELS.parent if folder.is_relative_to(KERNELS) else REPO
    found = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        found.append(Module(path, name, text, ast.parse(text)))
    return tuple(found)


def imports(module: Module) -> Iterator[str]:
    """Yield the dotted name of everything that `module` imports, wherever it does so.

    `from a import b` yields both `a` and `a.b`: b may be a module.
    """
    package = module.name if module.path.name == "__init__.py" else module.name.rpartition(".")[0]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join(filter(None, [*parents, base]))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


@cache
def structure_packages() -> tuple[Module, ...]:
    """Return the package modules of all structures: those that define STRUCTURE."""
    return tuple(
        module
        for module in modules(KERNELS)
        for node in module.tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "STRUCTURE" for t in node.targets)
    )


@cache
def kernels() -> tuple[Kernel, ...]:
    """Return every function that the door compiles."""
    found = []
    for module in modules(KERNELS):
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.FunctionDef):
                continue
            names = {d.id for d in node.decorator_list if isinstance(d, ast.Name)}
            found += [Kernel(module, node, name) for name in names & KERNEL_DECORATORS]
    return tuple(found)


def code_lines(kernel: Kernel) -> int:
    """Return the lines of a kernel from `def` to its end, the docstring not counted."""
    node = kernel.node
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def tracked_files() -> list[Path]:
    """Return the files that git knows, whoever owns them; skip where there is no git."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    try:
        listing = subprocess.run(command, cwd=REPO, capture_output=True, check=True, text=True)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    except subprocess.CalledProcessError as refusal:
        pytest.skip(f"not a git checkout ({refusal.stderr.strip()})")
    paths = (REPO / name for name in listing.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]
