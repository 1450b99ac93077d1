"""How long the kernels are, as a small table: `make lengths`.

Lines from `def` to the end of the function, the docstring not counted, as the limit in
test_kernels.py counts them.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.tidy.sources import KERNELS, Kernel, code_lines, kernels

BOUNDS = (15, 40)


def row(name: str, found: Sequence[Kernel]) -> str:
    """Return one line of the table."""
    lines = [code_lines(kernel) for kernel in found]
    longest = max(found, key=code_lines)
    figures = [len(lines), f"{statistics.median(lines):g}", max(lines)]
    figures += [sum(line > bound for line in lines) for bound in BOUNDS]
    cells = "".join(f"{figure:>9}" for figure in figures)
    return f"{name:<12}{cells}  {longest.module.path.relative_to(KERNELS)}:{longest.node.name}"


def table() -> list[str]:
    """Return the table: all kernels, then folder by folder."""
    heads = ("kernels", "median", "longest", *(f"over {bound}" for bound in BOUNDS))
    folders: dict[str, list[Kernel]] = {}
    for kernel in kernels():
        parts = kernel.module.path.relative_to(KERNELS).parts
        folders.setdefault(parts[0] if len(parts) > 1 else "(top)", []).append(kernel)
    heading = f"{'lines':<12}" + "".join(f"{head:>9}" for head in heads) + "  the longest"
    rows = [row(name, folders[name]) for name in sorted(folders)]
    return [heading, row("all", kernels()), *rows]


if __name__ == "__main__":
    print("\n".join(table()))
