"""Any sequence of operations leaves the tree and the interval model equal, with a table always open.

The machine is that of test_rangemap.py. Its trees have few levels, so they are made to have a
table again after each step, if they are tall enough for one at all.
"""

from __future__ import annotations

from collections import Counter

from hypothesis.stateful import initialize, invariant, rule
from hypothesis import strategies as st

from stressd_kernels import MapleTree
from tests.tree.keys import MAX, TOKENS, Token
from tests.tree.shortcuts import (
    buckets,
    has_shortcut,
    load_each,
    readers_leave,
    shorten,
    tables_made,
)
from tests.tree.test_rangemap import RangeMap
from tests.tree.test_shortcut import Seen, around, wanted

