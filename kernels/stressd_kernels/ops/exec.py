"""exec: a new program takes the place of an address space.

Draws an address space, and takes a free seat for what comes after it. Makes the calls EXEC,
MOVE_STACK, MMAP and SPECIAL there, unpinned, and then EXIT of the old one, as the kernel does. `ok`
is done, `miss` is no free seat, nothing there, or refused with an error of the kernel, `conflict`
as for a store.
"""

import numpy as np

from stressd_kernels.asking import STATUS_NOT_FOUND
from stressd_kernels.clock import timer_begin, timer_end
from stressd_kernels.counters import ENDS, MISS
from stressd_kernels.door import entry, kernel, load_relaxed, store_relaxed, words_at
from stressd_kernels.layout import U0
from stressd_kernels.lock import OK as STATUS_OK
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import MM_ALIVE, MM_BRK, MM_START_BRK, MM_STATE
from stressd_kernels.mm.words import PAGE_MASK, PAGE_SHIFT, TASK_SIZE
from stressd_kernels.ops import Entries
from stressd_kernels.ops.exit import space_end
from stressd_kernels.prng import prng_below
from stressd_kernels.traffic.asking import DRAW_SPACE, call_answer, call_make, space_ask
from stressd_kernels.traffic.draws import arguments
from stressd_kernels.traffic.layout import LEAST, SPACE_MM
from stressd_kernels.traffic.program import program_load
from stressd_kernels.traffic.space import seat_free, seat_leaves, seat_lives, seat_take

VERBS = ()
CALLS = (Call.EXEC, Call.MOVE_STACK, Call.MMAP, Call.SPECIAL, Call.EXIT)

EXEC = int(Call.EXEC)
ALIVE = np.uint64(MM_ALIVE)
MOVE_STACK = int(Call.MOVE_STACK)
ONE_PAGE = PAGE_MASK + np.uint64(1)
MOVED = np.uint64(1 << 10)  # pages that the stack is moved down, at most


def spec(entries: Entries) -> list[tuple[int, int, int]]:
    """Return what is left of what was mapped: nothing."""
    return []


@kernel
def program_begin(words, slot, seat):
    """Begin a program in the block of `seat`, or free the seat; return a Status.

    The heap begins empty. Nobody changes a block in which nothing lives, so this need not wait for
    its lock.
    """
    mm = np.int64(load_relaxed(words, seat + SPACE_MM))
    store_relaxed(words, mm + MM_BRK, load_relaxed(words, mm + MM_START_BRK))
    arguments(words, slot, ONE_PAGE, U0, U0, U0)
    status = call_make(words, EXEC, mm, slot)
    if status != STATUS_OK:
        seat_free(words, slot, seat)
        return status
    seat_lives(words, slot)
    end = TASK_SIZE - (prng_below(words, slot, MOVED) << PAGE_SHIFT)
    arguments(words, slot, end, U0, U0, U0)
    status = call_make(words, MOVE_STACK, mm, slot)
    return program_load(words, slot, mm) if status == STATUS_OK else status


@entry
def run(base, tree, slot, a, b, c, d, e):
    """Begin a new program; answers OK, MISS, CONFLICT, or what ends the slice. Unpinned."""
    words = words_at(base)
    old = space_ask(words, slot, DRAW_SPACE)
    if load_relaxed(words, old + MM_STATE) != ALIVE:
        return MISS
    begun = timer_begin(words, slot)
    status, seat = seat_take(words, slot)
    timer_end(words, slot, begun)
    if status == STATUS_NOT_FOUND:
        return MISS
    if status != STATUS_OK:
        return ENDS + status
    answer = call_answer(program_begin(words, slot, np.int64(seat)))
    least = load_relaxed(words, slot + LEAST)
    if answer >= ENDS or seat_leaves(words, slot, least) != STATUS_OK:
        return answer
    ended = call_answer(space_end(words, slot, old))
    return max(answer, ended)
