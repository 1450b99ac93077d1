"""erase: remove the whole entry that holds a key.

Draws one key. Asks ERASE, unpinned. `ok` is an entry removed: its value must be one that may
stand there (oracle `values`), unless it was reserved and had none. `miss` is a key that nothing
held; `conflict` as for a store.
"""

import numpy as np

from stressd_kernels.asking import (
    DRAW_KEY,
    STATUS_BACKLOG,
    STATUS_NOT_FOUND,
    source_draw,
    write_call,
)
from stressd_kernels.counters import CONFLICT, ENDS, ERROR, MISS, OK
from stressd_kernels.door import entry, load_relaxed, words_at
from stressd_kernels.judge import judge_entries
from stressd_kernels.layout import RESULT, RESULT_VALUE, U0
from stressd_kernels.ops import Entries
from stressd_kernels.status import ZERO as ZERO_WORD
from stressd_kernels.verbs import Verb

VERBS = (Verb.ERASE,)

ERASE = int(Verb.ERASE)
ZERO = np.uint64(ZERO_WORD)


def spec(entries: Entries, key: int) -> list[tuple[int, int, int]]:
    """Return what is in the tree afterwards."""
    return [entry for entry in entries if not entry[0] <= key <= entry[1]]


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Erase one entry; answers OK, MISS, CONFLICT, ERROR, or what ends the slice. Unpinned."""
    words = words_at(base)
    tree = source_draw(words, slot, DRAW_KEY)
    status = write_call(words, ERASE, tree, slot)
    if status == U0 and load_relaxed(words, slot + RESULT_VALUE) == ZERO:
        return OK
    if status == U0:
        return OK if judge_entries(words, slot, slot + RESULT, 1) == U0 else ERROR
    if status == STATUS_NOT_FOUND:
        return MISS
    return CONFLICT if status == STATUS_BACKLOG else ENDS + status
