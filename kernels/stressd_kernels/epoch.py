"""Protocol E: when may a node that readers can no longer find be reused?

A reader announces the global epoch before it looks at a tree and withdraws the announcement
when it is done. A writer that unlinks a node stamps it with the global epoch and puts it into
its own limbo. The epoch moves on only while every announcement equals it. A node may be
reused once the epoch is two past its stamp.

    reader r                writer                     collector (any writer)
    --------                ------                     ----------------------
    read  GLOBAL            unlink node (P1)           read  GLOBAL
    write ANNOUNCE[r] (E8)  fence              (E3)    fence               (E2)
    fence           (E1)    read  GLOBAL -> stamp      read  ANNOUNCE[..]  (E5)
    ...use nodes...         push to own limbo          swap  GLOBAL to +1  (E6)
    clear ANNOUNCE[r] (E4)                             read  GLOBAL        (E7)

Words (uint64; announcements 128 bytes apart, so that no two readers share a line)
    EPOCH_GLOBAL   the epoch; starts at 1, only grows
    ANNOUNCE[r]    0 (idle), or epoch * 2 + 1; written by slot r alone

Invariants
    I1  Between E1 and E4 of one pin, GLOBAL grows at most once. A collector that read GLOBAL
        before E1 may still succeed; one that reads the grown value does so after E1, sees
        the announcement through E2, and gives up.
    I2  A reader that can reach a node passed E1 before the writer passed E3.
    I3  So a node stamped s has no reader once GLOBAL >= s + GRACE_EPOCHS: by I2 GLOBAL was
        at most s at the reader's E1, and by I1 it is at most s + 1 while that pin lasts.

Ordering                                     pairs with   and forbids
    E1  full fence, after announcing         E2, E3       using a node unseen by the collector
    E2  full fence, before scanning          E1           missing an announcement (I1)
    E3  full fence, before stamping          E1           a stamp older than the unlink (I2)
    E4  release, when withdrawing            E5           reuse before the last read
    E5  acquire, when scanning               E4, E8       "
    E6  release (in the swap)                E7           reuse before the scan
    E7  acquire, when testing a stamp        E6           "
    E8  release, when announcing             E5           reuse before the last read of the pin
                                                          before, whose withdrawal E5 missed

The collector scans all SLOTS_MAX announcements: a list of those registered so far would be one
more thing to get wrong.

Progress: pin and unpin are wait-free. Reclamation is blocking: a reader that never unpins
stops it for good, and an epoch that stands still is the symptom to watch. Nothing waits while
it is pinned.

Not promised: anything about a reader that keeps a node reference after unpinning.

Source: Fraser, UCAM-CL-TR-579 (2004); fences as argued in crossbeam-rs/rfcs
2017-07-23-relaxed-memory. Swapping E3 with the read below it is the defect of
crossbeam-epoch#53.
"""

import numpy as np

from stressd_kernels.door import (
    compare_exchange,
    fence_full,
    kernel,
    kernel_inline,
    load_acquire,
    load_relaxed,
    store_release,
)
from stressd_kernels.layout import (
    ANNOUNCE,
    EPOCH_GLOBAL,
    LINE_WORDS,
    SLOT_WORDS,
    SLOTS,
    SLOTS_MAX,
    U0,
    U1,
)

GRACE_EPOCHS = np.uint64(2)
IDLE = np.uint64(0)
FIRST_EPOCH = np.uint64(1)

assert LINE_WORDS * 8 >= 128, "adjacent-line prefetch pairs cache lines"


@kernel_inline
def announce_of(slot):
    """Return the word index of the announcement of the slot block at word index `slot`."""
    return ANNOUNCE + (slot - SLOTS) // SLOT_WORDS * LINE_WORDS


@kernel_inline
def epoch_pin(words, slot):
    """Announce the current epoch for `slot`; nodes reached from now on stay valid.

    words  uint64[::1], the arena; slot: word index of the caller's slot block, not pinned yet
    """
    epoch = load_relaxed(words, EPOCH_GLOBAL)
    announced = (epoch << U1) | U1
    store_release(words, announce_of(slot), announced, "E8")  # pairs with E5 (epoch_try_advance)
    fence_full("E1")  # pairs with E2 (epoch_try_advance), E3 (epoch_stamp)


@kernel_inline
def epoch_unpin(words, slot):
    """Withdraw the announcement of `slot`; its node references are now meaningless."""
    store_release(words, announce_of(slot), IDLE, "E4")  # pairs with E5 (epoch_try_advance)


@kernel_inline
def epoch_stamp(words):
    """Return the stamp of nodes that the caller has just made unreachable."""
    fence_full("E3")  # pairs with E1 (epoch_pin)
    return load_relaxed(words, EPOCH_GLOBAL)


@kernel
def epoch_try_advance(words):
    """Advance the epoch by one unless some slot still announces another; return success."""
    epoch = load_relaxed(words, EPOCH_GLOBAL)
    current = (epoch << U1) | U1
    fence_full("E2")  # pairs with E1 (epoch_pin)
    for place in range(ANNOUNCE, ANNOUNCE + SLOTS_MAX * LINE_WORDS, LINE_WORDS):
        announced = load_acquire(words, place, "E5")  # pairs with E4, E8 (epoch_pin, epoch_unpin)
        if announced != IDLE and announced != current:
            return False
    following = epoch + U1
    seen = compare_exchange(
        words, EPOCH_GLOBAL, epoch, following, "E6"
    )  # pairs with E7 (epoch_expired)
    return seen == epoch


@kernel_inline
def epoch_expired(words, stamp):
    """Say whether every reader that could hold a node stamped `stamp` has left."""
    epoch = load_acquire(words, EPOCH_GLOBAL, "E7")  # pairs with E6 (epoch_try_advance)
    return epoch >= stamp + GRACE_EPOCHS


@kernel
def epoch_lag(words):
    """Return (epochs by which the oldest pinned slot is behind, number of pinned slots)."""
    epoch = load_relaxed(words, EPOCH_GLOBAL)
    lag = U0
    pinned = 0
    for place in range(ANNOUNCE, ANNOUNCE + SLOTS_MAX * LINE_WORDS, LINE_WORDS):
        announced = load_relaxed(words, place)
        if announced != IDLE:
            pinned += 1
            behind = epoch - (announced >> U1)
            if behind > lag and behind < epoch:
                lag = behind
    return lag, pinned
