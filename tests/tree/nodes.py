"""The nodes of a tree at rest, read word by word in plain Python: for tests that aim at a node."""

from __future__ import annotations

from typing import NamedTuple

from stressd_kernels import MapleTree
from stressd_kernels.layout import TREE_ROOT
from stressd_kernels.maple.node import PIVOT_FIRST, SLOT_FIRST, SLOTS
from stressd_kernels.refs import LEAF_BIT, NODE_MASK
from tests.tree.keys import MAX


class Node(NamedTuple):
    """One node: what it spans, the last key of each slot, what the slots hold, where it is."""

    depth: int
    low: int
    high: int
    leaf: bool
    ends: tuple[int, ...]
    slots: tuple[int, ...]
    at: int  # word index


def preorder(tree: MapleTree) -> list[Node]:
    """Return all nodes, each before those below it, from left to right."""
    words = tree.arena.words
    found: list[Node] = []

    def visit(ref: int, depth: int, low: int, high: int) -> None:
        at = ref & int(NODE_MASK)
        pivots = [int(word) for word in words[at + PIVOT_FIRST : at + PIVOT_FIRST + SLOTS - 1]]
        ends = [*[pivot for pivot in pivots if pivot < high], high]
        slots = [int(word) for word in words[at + SLOT_FIRST : at + SLOT_FIRST + len(ends)]]
        leaf = bool(ref & int(LEAF_BIT))
        found.append(Node(depth, low, high, leaf, tuple(ends), tuple(slots), at))
        if not leaf:
            for child, end in zip(slots, ends, strict=True):
                visit(child, depth + 1, low, end)
                low = end + 1

    if root := int(words[tree._block + TREE_ROOT]):
        visit(root, 0, 0, MAX)
    return found


def leaves(tree: MapleTree) -> list[Node]:
    """Return the leaves, from left to right."""
    return [node for node in preorder(tree) if node.leaf]


def branches(tree: MapleTree) -> list[Node]:
    """Return the nodes above the leaves, from left to right: parents of leaves."""
    return [node for node in preorder(tree) if node.depth == tree.height - 2]
