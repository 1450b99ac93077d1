"""Loops of one reader: look-ups, iteration, gap search. Pinned for PIN_OPS operations at a time."""

import numpy as np

from stressd_kernels.batch import load_batch
from stressd_kernels.bench.workload import (
    ANSWER_SUM,
    ASKED,
    CELL_BITS,
    CELL_LAST,
    DRAW_ENTRIES,
    DRAW_STATE,
    GOLDEN,
    PAGE_MASK,
    draw_below,
    draw_below_many,
    first_of,
)
from stressd_kernels.door import borrowed, driver, load_relaxed
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import RESULT_FIRST, SLOT_WORKER, U0, U1, UMAX
from stressd_kernels.lock import OK
from stressd_kernels.maple.gaps import ask, gap_search
from stressd_kernels.maple.scan import tree_scan
from stressd_kernels.maple.search import tree_load

PIN_OPS = 64  # reads under one pin, as a worker does
SCAN_ENTRIES = 512  # entries fetched at a time by an iteration
BATCH_KEYS = 1024  # look-ups asked for in one call
WINDOW_TOP = np.uint64((1 << 63) - 1)


@driver
def lookups(words, tree, slot, state):
    """Look up random keys; return how many answers were wrong.

    state  DRAW_*; ASKED: how many, a multiple of PIN_OPS
    """
    words = borrowed(words)
    draws = state[DRAW_STATE]
    entries = state[DRAW_ENTRIES]
    wrong = U0
    for _ in range(np.int64(state[ASKED]) // PIN_OPS):
        epoch_pin(words, slot)
        for _ in range(PIN_OPS):
            draws += GOLDEN
            entry = draw_below(draws, entries)
            value = tree_load(words, tree, first_of(entry) + (draws & PAGE_MASK))
            wrong += np.uint64(value != entry + U1)
        epoch_unpin(words, slot)
    state[DRAW_STATE] = draws
    return wrong


@driver
def lookups_dependent(words, tree, slot, state):
    """As `lookups`, but no key is known before the answer to the one before it."""
    words = borrowed(words)
    draws = state[DRAW_STATE]
    entries = state[DRAW_ENTRIES]
    wrong = U0
    for _ in range(np.int64(state[ASKED]) // PIN_OPS):
        epoch_pin(words, slot)
        for _ in range(PIN_OPS):
            draws += GOLDEN + wrong
            entry = draw_below(draws, entries)
            value = tree_load(words, tree, first_of(entry) + (draws & PAGE_MASK))
            wrong += value - U1 - entry  # 0, but only the answer tells
        epoch_unpin(words, slot)
    state[DRAW_STATE] = draws
    return wrong


@driver
def lookups_batch(words, tree, slot, state, keys):
    """Look up len(keys) random keys in batches; return how many answers were wrong.

    state  DRAW_*; ASKED: how many, a multiple of BATCH_KEYS
    keys   uint64[2, BATCH_KEYS], space for one batch of keys and their values
    """
    words = borrowed(words)
    draws = state[DRAW_STATE]
    entries = state[DRAW_ENTRIES]
    wrong = U0
    asked = keys[0]
    answered = keys[1]
    for _ in range(np.int64(state[ASKED]) // BATCH_KEYS):
        for place in range(len(asked)):
            draws += GOLDEN
            entry = draw_below_many(draws, entries)
            asked[place] = first_of(entry) + (draws & PAGE_MASK)
        load_batch(words, tree, slot, asked, answered)
        for place in range(len(asked)):
            wrong += np.uint64(answered[place] != (asked[place] >> CELL_BITS) + U1)
    state[DRAW_STATE] = draws
    return wrong


@driver
def iterate(words, tree, slot, state, rounds):
    """Visit all entries in order `rounds` times; return how many that were.

    The sum of last - first over all of them goes to state[ANSWER_SUM]. Rows are read word by word:
    of plain reads LLVM makes gathers, which take twice as long (1.3 ns an entry instead of 1.0).
    """
    words = borrowed(words)
    output = slot + SLOT_WORKER
    visited = 0
    total = U0
    for _ in range(rounds):
        key = U0
        count = SCAN_ENTRIES
        while count == SCAN_ENTRIES:
            epoch_pin(words, slot)
            count = tree_scan(words, tree, key, UMAX, SCAN_ENTRIES, output)
            epoch_unpin(words, slot)
            for place in range(count):
                row = output + 3 * place
                total += load_relaxed(words, row + 1) - load_relaxed(words, row)
            visited += count
            if count > 0:
                key = words[output + 3 * count - 2] + U1
    state[ANSWER_SUM] = total
    return visited


@driver
def gaps_upward(words, tree, slot, state, size):
    """Search `size` free keys upward from where random entries begin; return the failures.

    state  DRAW_*; ASKED: how many searches; ANSWER_SUM is left
    """
    words = borrowed(words)
    draws = state[DRAW_STATE]
    failed = U0
    total = U0
    for _ in range(np.int64(state[ASKED]) // PIN_OPS):
        epoch_pin(words, slot)
        for _ in range(PIN_OPS):
            draws += GOLDEN
            low = first_of(draw_below(draws, state[DRAW_ENTRIES]))
            ask(words, slot, low, WINDOW_TOP, size, U0, U0)
            if gap_search(words, tree, slot, True) == OK:
                total += words[slot + RESULT_FIRST]
            else:
                failed += U1
        epoch_unpin(words, slot)
    state[DRAW_STATE] = draws
    state[ANSWER_SUM] = total
    return failed


@driver
def gaps_downward(words, tree, slot, state, size):
    """Search `size` free keys downward from where the cells of random entries end.

    All else as in `gaps_upward`.
    """
    words = borrowed(words)
    draws = state[DRAW_STATE]
    failed = U0
    total = U0
    for _ in range(np.int64(state[ASKED]) // PIN_OPS):
        epoch_pin(words, slot)
        for _ in range(PIN_OPS):
            draws += GOLDEN
            high = first_of(draw_below(draws, state[DRAW_ENTRIES])) + CELL_LAST
            ask(words, slot, U0, high, size, U0, U0)
            if gap_search(words, tree, slot, False) == OK:
                total += words[slot + RESULT_FIRST]
            else:
                failed += U1
        epoch_unpin(words, slot)
    state[DRAW_STATE] = draws
    state[ANSWER_SUM] = total
    return failed
