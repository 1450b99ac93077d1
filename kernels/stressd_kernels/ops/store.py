"""store: write a range over whatever is there.

Draws a range and a value that names it (which publishes the worker's next sequence, before the
write begins). Asks STORE, unpinned. `ok` is done; `conflict` is a store that gave up at the end
of its slice because readers held too many unlinked nodes.
"""

from stressd_kernels.asking import DRAW_WRITE, STATUS_BACKLOG, source_draw, write_call
from stressd_kernels.counters import CONFLICT, ENDS, OK
from stressd_kernels.door import entry, words_at
from stressd_kernels.layout import U0
from stressd_kernels.ops import Entries
from stressd_kernels.verbs import Verb

VERBS = (Verb.STORE,)

STORE = int(Verb.STORE)


def spec(entries: Entries, first: int, last: int, value: int) -> list[tuple[int, int, int]]:
    """Return what is in the tree afterwards: what stood in [first, last] is cut away."""
    left = [(f, min(end, first - 1), v) for f, end, v in entries if f < first]
    right = [(max(f, last + 1), end, v) for f, end, v in entries if end > last]
    return [*left, (first, last, value), *right]


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Store one range; answers OK, CONFLICT, or what ends the slice. Called unpinned."""
    words = words_at(base)
    tree = source_draw(words, slot, DRAW_WRITE)
    status = write_call(words, STORE, tree, slot)
    if status == U0:
        return OK
    return CONFLICT if status == STATUS_BACKLOG else ENDS + status
