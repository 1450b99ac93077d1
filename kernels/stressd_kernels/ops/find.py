"""find: the first entry at or after a key, up to a last key.

Draws a window: a key, and some cells or mappings after it. Asks FIND, inside the block's pin.
`ok` is an entry, `miss` is an empty window. The entry must reach into the window (oracle
`order`), its value must be one that may stand there (oracle `values`), and SCAN must give the
same (oracle `agreement`).
"""

from stressd_kernels.agreement import find_again, version_before
from stressd_kernels.asking import DRAW_WINDOW, STATUS_NOT_FOUND, source_draw
from stressd_kernels.clock import timer_begin, timer_end
from stressd_kernels.counters import ENDS, ERROR, MISS, OK
from stressd_kernels.door import entry, load_relaxed, words_at
from stressd_kernels.judge import judge_entries
from stressd_kernels.layout import RESULT, U0
from stressd_kernels.ops import Entries
from stressd_kernels.verbs import Verb, structure_call
from stressd_kernels.worker import NOW_FIRST, NOW_LAST

VERBS = (Verb.FIND, Verb.SCAN)

FIND = int(Verb.FIND)


def spec(entries: Entries, key: int, until: int) -> tuple[int, int, int] | None:
    """Return the first entry that has a key in [key, until]."""
    return next((entry for entry in entries if entry[1] >= key and entry[0] <= until), None)


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Find one entry; answers OK, MISS or ERROR. Called pinned."""
    words = words_at(base)
    tree = source_draw(words, slot, DRAW_WINDOW)
    key = load_relaxed(words, slot + NOW_FIRST)
    until = load_relaxed(words, slot + NOW_LAST)
    version = version_before(words, slot, tree)
    begun = timer_begin(words, slot)
    status = structure_call(words, FIND, tree, slot, key, until, U0, U0, U0)
    timer_end(words, slot, begun)
    if status not in (U0, STATUS_NOT_FOUND):
        return ENDS + status
    wrong = U0 if status != U0 else judge_entries(words, slot, slot + RESULT, 1)
    wrong += find_again(words, slot, tree, version, status)
    if wrong != U0:
        return ERROR
    return MISS if status == STATUS_NOT_FOUND else OK
