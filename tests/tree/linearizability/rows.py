"""One look-up at a key, up or down to a bound: how it is asked, and the row that it leaves.

A row stands between two looks at the version: its answer must be that of one state in between, or
of some of them if the look-up says that writers overtook it (TRIES).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stressd_kernels.door import entry_call, fence_acquire, kernel
from stressd_kernels.layout import (
    RESULT_FIRST,
    RESULT_LAST,
    RESULT_TRIES,
    RESULT_VALUE,
    U0,
    UMAX,
)
from stressd_kernels.status import Status
from tests.tree.linearizability.states import ORIGIN, version_now

V1, V2, KEY, BOUND, STATUS, FIRST, LAST, VALUE, TRIES = range(9)
ROW = 9
JUDGED, OVERLAPPED, LOOSE = range(3)  # of totals

PIN_READS = 8
EVERYWHERE = (1 << 62) - 1  # instead of a last key: up to the end of all keys
OK = int(Status.OK)
NOT_FOUND = int(Status.NOT_FOUND)

Log = npt.NDArray[np.int64]


@kernel
def ask(words, tree, slot, address, shape, row):
    """Ask once, between two looks at the version, and complete the row, int64[ROW].

    row  KEY and BOUND are drawn already, from the origin of the shape on
    """
    key = np.uint64(shape[ORIGIN] + row[KEY])
    bound = UMAX if row[BOUND] == EVERYWHERE else np.uint64(shape[ORIGIN] + row[BOUND])
    words[slot + RESULT_TRIES] = U0
    row[V1] = version_now(words, tree, shape)
    status = entry_call(words, address, tree, slot, key, bound, U0, U0, U0)
    fence_acquire("V2")
    row[V2] = version_now(words, tree, shape)
    row[STATUS] = np.int64(status)
    row[FIRST] = np.int64(words[slot + RESULT_FIRST]) - shape[ORIGIN]
    row[LAST] = np.int64(words[slot + RESULT_LAST]) - shape[ORIGIN]
    row[VALUE] = np.int64(words[slot + RESULT_VALUE])
    row[TRIES] = np.int64(words[slot + RESULT_TRIES])
