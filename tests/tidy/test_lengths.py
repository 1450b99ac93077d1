"""The table of lengths counts what the limit on lengths counts."""

from __future__ import annotations

from tests.tidy import lengths
from tests.tidy.sources import code_lines, kernels


def test_the_table_counts_every_kernel_once() -> None:
    """The first row is of all; those of the folders add up to it."""
    heading, everything, *folders = (line.split() for line in lengths.table())
    assert heading[:4] == ["lines", "kernels", "median", "longest"]
    longest = max(map(code_lines, kernels()))
    over = [sum(code_lines(k) > bound for k in kernels()) for bound in lengths.BOUNDS]
    assert [everything[1], everything[3]] == [str(len(kernels())), str(longest)]
    assert everything[4:6] == [str(count) for count in over]
    for column in (1, 4, 5):
        assert sum(int(row[column]) for row in folders) == int(everything[column])
