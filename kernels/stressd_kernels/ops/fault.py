"""fault: touch an address.

Draws an address inside a mapping, or below one that grows down, or anywhere; reading or writing.
Makes the call FAULT, unpinned: stacks grow, and a first write makes an anon_vma, which decides what
merges later. `ok` is allowed, `miss` would be a SIGSEGV, `conflict` as for a store.
"""

from stressd_kernels.counters import MISS, OK
from stressd_kernels.door import entry, load_relaxed, words_at
from stressd_kernels.layout import U0
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import ANSWER
from stressd_kernels.ops import Entries
from stressd_kernels.traffic.asking import DRAW_TOUCH, call_run

VERBS = ()
CALLS = (Call.FAULT,)

FAULT = int(Call.FAULT)


def spec(entries: Entries, address: int) -> bool:
    """Say whether something is mapped at `address` (a stack may still grow down to it)."""
    return any(first <= address <= last for first, last, _ in entries)


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Touch an address; answers OK, MISS, CONFLICT, or what ends the slice. Unpinned."""
    words = words_at(base)
    answer = call_run(words, FAULT, slot, DRAW_TOUCH)
    return MISS if answer == OK and load_relaxed(words, slot + ANSWER) == U0 else answer
