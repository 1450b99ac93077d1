"""Loops of one writer, through the same frame as the entry points: reserve, lock, edit, unlock,
collect. Reclaiming what they unlink is part of their time.
"""

import numpy as np

from stressd_kernels.bench.workload import (
    DRAW_ENTRIES,
    DRAW_STATE,
    GOLDEN,
    draw_below,
    first_of,
    last_of,
)
from stressd_kernels.door import borrowed, driver, kernel
from stressd_kernels.layout import U0, U1, UMAX
from stressd_kernels.lock import OK
from stressd_kernels.maple.build import build_locked
from stressd_kernels.maple.edit import erase_locked
from stressd_kernels.maple.entries import store_one, write_begin, write_end
from stressd_kernels.verbs import Verb, structure_call

CLEAR = int(Verb.CLEAR)
CHECK = int(Verb.CHECK)


@kernel
def erase_one(words, tree, slot, key):
    """Do what the entry point ERASE does."""
    status = write_begin(words, tree, slot)
    if status != OK:
        return status
    return write_end(words, tree, slot, erase_locked(words, tree, slot, key), U0)


@driver
def erase_all(words, tree, slot, entries):
    """Erase entries, uint32[:], in this order; OK, or the first other status."""
    words = borrowed(words)
    for place in range(len(entries)):
        status = erase_one(words, tree, slot, first_of(np.uint64(entries[place])))
        if status != OK:
            return status
    return OK


@driver
def store_all(words, tree, slot, entries, pages):
    """Store entries, uint32[:], in this order; OK, or the first other status."""
    words = borrowed(words)
    for place in range(len(entries)):
        entry = np.uint64(entries[place])
        last = last_of(entry, pages)
        status = store_one(words, tree, slot, (first_of(entry), last, entry + U1))
        if status != OK:
            return status
    return OK


@driver
def store_ascending(words, tree, slot, pages):
    """Store every entry, one after the other; OK, or the first other status."""
    words = borrowed(words)
    for place in range(len(pages)):
        entry = np.uint64(place)
        last = last_of(entry, pages)
        status = store_one(words, tree, slot, (first_of(entry), last, entry + U1))
        if status != OK:
            return status
    return OK


@driver
def overwrite(words, tree, slot, state, pages, count):
    """Store `count` random entries over themselves; OK, or the first other status."""
    words = borrowed(words)
    draws = state[DRAW_STATE]
    status = OK
    for _ in range(count):
        draws += GOLDEN
        entry = draw_below(draws, state[DRAW_ENTRIES])
        last = last_of(entry, pages)
        status = store_one(words, tree, slot, (first_of(entry), last, entry + U1))
        if status != OK:
            break
    state[DRAW_STATE] = draws
    return status


@driver
def build_bulk(words, tree, slot, pages, rows, source):
    """Write all entries to `rows`, uint64[:, 3], and build the tree of them: OK or not.

    source  word index of `rows` from the arena, modulo 2**64, as for BUILD
    """
    words = borrowed(words)
    for place in range(len(pages)):
        entry = np.uint64(place)
        rows[place, 0] = first_of(entry)
        rows[place, 1] = last_of(entry, pages)
        rows[place, 2] = entry + U1
    status = write_begin(words, tree, slot)
    if status != OK:
        return status
    return write_end(words, tree, slot, build_locked(words, tree, slot, source, len(pages)), U0)


@driver
def clear_all(words, tree, slot):
    """Empty the tree: OK or not. The verb must be offered."""
    words = borrowed(words)
    return structure_call(words, CLEAR, tree, slot, U0, U0, U0, U0, U0)


@driver
def check_all(words, tree, slot):
    """Look at every node; return 0 or a broken Invariant. The verb must be offered."""
    words = borrowed(words)
    return structure_call(words, CHECK, tree, slot, U0, UMAX, U0, U0, U0)
