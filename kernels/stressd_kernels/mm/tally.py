"""What happened to VMAs, counted by the thread that did it: splits, and the eight cases of merging.

    TALLY_SPLIT      one VMA became two
    TALLY_CASE + n   case n of merge.py, 1 .. 8
    TALLY_GROWN      a stack grew

So that a run can say that it has seen all of them.
"""

from stressd_kernels.counters import counter_one
from stressd_kernels.door import kernel_inline
from stressd_kernels.worker import TALLY, TALLY_WORDS

TALLY_SPLIT = 0
TALLY_CASE = 0  # cases begin with 1
TALLY_GROWN = 9

assert TALLY_GROWN < TALLY_WORDS


@kernel_inline
def tally(words, slot, what):
    """Count one of what happened; one writer."""
    counter_one(words, slot + TALLY + what)
