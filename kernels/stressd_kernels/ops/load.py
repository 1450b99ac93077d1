"""load: the value at a key.

Draws one key as the workload's keys are distributed. Asks LOAD, inside the block's pin. `ok` is
a value, `miss` is NULL. The value must be one that may stand at that key (oracle `values`), and
FIND must give the same (oracle `agreement`).
"""

from stressd_kernels.agreement import load_again, version_before
from stressd_kernels.asking import DRAW_KEY, source_draw
from stressd_kernels.clock import timer_begin, timer_end
from stressd_kernels.counters import ERROR, MISS, OK
from stressd_kernels.door import entry, load_relaxed, store_relaxed, words_at
from stressd_kernels.judge import judge_entry
from stressd_kernels.layout import RESULT, RESULT_FIRST, RESULT_LAST, RESULT_VALUE, U0
from stressd_kernels.ops import Entries
from stressd_kernels.verbs import Verb, structure_call
from stressd_kernels.worker import NOW_FIRST

VERBS = (Verb.LOAD, Verb.FIND)

LOAD = int(Verb.LOAD)


def spec(entries: Entries, key: int) -> int:
    """Return the value that stands at `key`, 0 for none."""
    return next((value for first, last, value in entries if first <= key <= last), 0)


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Load one key; answers OK, MISS or ERROR. Called pinned."""
    words = words_at(base)
    tree = source_draw(words, slot, DRAW_KEY)
    key = load_relaxed(words, slot + NOW_FIRST)
    version = version_before(words, slot, tree)
    begun = timer_begin(words, slot)
    value = structure_call(words, LOAD, tree, slot, key, U0, U0, U0, U0)
    timer_end(words, slot, begun)
    store_relaxed(words, slot + RESULT_FIRST, key)
    store_relaxed(words, slot + RESULT_LAST, key)
    store_relaxed(words, slot + RESULT_VALUE, value)
    wrong = U0 if value == U0 else judge_entry(words, slot, slot + RESULT)
    wrong += load_again(words, slot, tree, version)
    if wrong != U0:
        return ERROR
    return MISS if value == U0 else OK
