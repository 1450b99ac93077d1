"""scan: the entries of a window in ascending order, at most SCAN_LIMIT of them.

Draws a window: a key, and some cells or mappings after it. Asks SCAN, inside the block's pin.
`ok` is one entry or more, `miss` is an empty window. The entries must ascend, not overlap and
reach into the window (oracle `order`), each value must be one that may stand there (oracle
`values`), and FIND after FIND must give the same entries (oracle `agreement`).
"""

import numpy as np

from stressd_kernels.agreement import scan_again, version_before
from stressd_kernels.asking import DRAW_WINDOW, source_draw
from stressd_kernels.clock import timer_begin, timer_end
from stressd_kernels.counters import ERROR, MISS, OK
from stressd_kernels.door import entry, load_relaxed, words_at
from stressd_kernels.judge import judge_entries
from stressd_kernels.layout import U0
from stressd_kernels.ops import Entries
from stressd_kernels.verbs import Verb, structure_call
from stressd_kernels.worker import ENTRIES, ENTRIES_MAX, NOW_FIRST, NOW_LAST

VERBS = (Verb.SCAN, Verb.FIND)

SCAN = int(Verb.SCAN)
SCAN_LIMIT = 64  # 64 scans of a block stay far below the nodes that one pin may visit

assert SCAN_LIMIT <= ENTRIES_MAX

LIMIT = np.uint64(SCAN_LIMIT)


def spec(entries: Entries, key: int, until: int) -> list[tuple[int, int, int]]:
    """Return the first SCAN_LIMIT entries that have a key in [key, until]."""
    return [entry for entry in entries if entry[1] >= key and entry[0] <= until][:SCAN_LIMIT]


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Scan one window; answers OK, MISS or ERROR. Called pinned."""
    words = words_at(base)
    tree = source_draw(words, slot, DRAW_WINDOW)
    key = load_relaxed(words, slot + NOW_FIRST)
    until = load_relaxed(words, slot + NOW_LAST)
    output = slot + ENTRIES
    version = version_before(words, slot, tree)
    begun = timer_begin(words, slot)
    count = structure_call(words, SCAN, tree, slot, key, until, LIMIT, np.uint64(output), U0)
    timer_end(words, slot, begun)
    found = min(np.int64(count), ENTRIES_MAX)
    wrong = U0 if count == U0 else judge_entries(words, slot, output, found)
    wrong += scan_again(words, slot, tree, version, found, SCAN_LIMIT)
    if wrong != U0 or count > LIMIT:
        return ERROR
    return MISS if count == U0 else OK
