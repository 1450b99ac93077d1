"""A tree as text, for people who look for a bug: every node, its span, slots and gaps."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stressd_kernels.layout import TREE_ROOT
from stressd_kernels.maple.node import GAP_FIRST, HEIGHT_MAX, PIVOT_FIRST, SLOT_FIRST, SLOTS
from stressd_kernels.refs import LEAF_BIT, NODE_MASK, REF_BIT
from stressd_kernels.status import KEY_MAX, ZERO

NAMES = {0: "NULL", ZERO: "ZERO"}


def dump_lines(words: npt.NDArray[np.uint64], tree: int) -> Iterator[str]:
    """Yield one line a node, indented by depth; for a tree that nobody changes meanwhile."""
    root = int(words[tree + TREE_ROOT])
    if root == 0:
        yield "empty"
    else:
        yield from _node_lines(words, root, 0, KEY_MAX, 0)


def _node_lines(
    words: npt.NDArray[np.uint64], ref: int, low: int, high: int, depth: int
) -> Iterator[str]:
    leaf = bool(ref & int(LEAF_BIT))
    node = ref & int(NODE_MASK)
    indent = "  " * depth
    kind = "leaf" if leaf else "inner"
    yield f"{indent}{kind} {node:#x} [{low:#x}, {high:#x}]"
    if depth >= HEIGHT_MAX or not ref & int(REF_BIT):
        yield f"{indent}  not a node: {ref:#x}"
        return
    first = low
    for slot in range(SLOTS):
        pivot = int(words[node + PIVOT_FIRST + slot]) if slot < SLOTS - 1 else high
        last = min(pivot, high)
        item = int(words[node + SLOT_FIRST + slot])
        if leaf:
            yield f"{indent}  {slot:2} [{first:#x}, {last:#x}] {NAMES.get(item, item)}"
        else:
            gap = int(words[node + GAP_FIRST + slot])
            yield f"{indent}  {slot:2} [{first:#x}, {last:#x}] gap {gap:#x}"
            yield from _node_lines(words, item, first, last, depth + 1)
        if last == high:
            break
        first = last + 1
