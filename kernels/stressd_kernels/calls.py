"""Calling a tree's entry points from Python: a seat, a pin, five numbers, and what came of it.

Every call claims a slot of the arena, runs one compiled entry point without the GIL, and gives
the slot back, so a tree that nobody is calling holds nothing up. The results of a call stand in
its slot and are read before that is given back. An exception out of a signal handler, Ctrl-C for
one, may strike anywhere; a slot is claimed and given back so that none is lost (`Arena.seats`).
"""

import threading
import time
from typing import Any

import numpy as np

from stressd_kernels.arguments import Entry
from stressd_kernels.door import borrowed, driver, entry_call
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import (
    ASK_MASK,
    ASK_OFFSET,
    RESULT_FIRST,
    RESULT_VALUE,
    SLOT_WORKER,
)
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.memory import SLOTS_TAKEN, Arena
from stressd_kernels.status import RESERVED_BIT, Status
from stressd_kernels.verbs import Verb

BACKLOG_PAUSE_S = 0.0005
NOTHING = np.uint64(0)


class Calls:
    """One open tree, and how to ask it for any verb; closed when nobody has it any more.

    Raises ValueError once it is closed; also out of a call that was under way meanwhile, whose
    answer might be that of another tree in the same block.
    """

    def __init__(self, arena: Arena, *, gaps: bool) -> None:
        self.arena = arena
        self.gaps = gaps
        self.words = arena.words
        self._closing = threading.RLock()
        self._tree: int | None = arena.open_tree(gaps=gaps)
        self._addresses: dict[Verb, int] = {}  # of the verbs that have been asked for

    @property
    def block(self) -> int:
        """Word index of the tree's block."""
        if self._tree is None:
            raise ValueError("the tree is closed")
        return self._tree

    def require_open(self) -> None:
        """Raise ValueError if the tree has been closed."""
        _ = self.block

    def close(self) -> None:
        """Empty the tree and give its block back; once is enough."""
        with self._closing:  # a second thread might clear who has the block next
            if self._tree is not None:
                done(self.ask(Verb.CLEAR)[0])
                tree, self._tree = self._tree, None
                self.arena.close_tree(tree)

    def __del__(self) -> None:
        # Interpreter shutdown may have taken anything away already.
        try:
            self.close()
        except Exception:
            return

    def ask(
        self,
        verb: Verb,
        *arguments: int,
        results: tuple[int, ...] = (),
        aligned: tuple[int, int] | None = None,
    ) -> tuple[int, ...]:
        """Call an entry point; return its answer, and the result words that are asked for.

        aligned  mask and offset, for ALLOCATE

        A write waits while readers hold what must be freed first (BACKLOG), and is repeated once if
        the arena is full but for what idle slots hold back.
        """
        reclaimed = not verb.may_lack_nodes
        address = self.address(verb)
        numbers = five(*arguments)
        words, leave = self.words, self.arena.leave
        while True:
            try:
                for slot in self.arena.seats:
                    try:
                        if aligned:
                            words[slot + ASK_MASK], words[slot + ASK_OFFSET] = aligned
                        status = int(invoke(words, address, self.block, slot, verb.reads, *numbers))
                        answers = [int(words[slot + result]) for result in results]
                        break
                    finally:
                        leave(slot)
            except IndexError as error:
                raise RuntimeError(SLOTS_TAKEN) from error
            if status == Status.ARENA_FULL and not reclaimed:
                reclaimed = True
                if self.arena.reclaim():
                    continue
            if status != Status.BACKLOG or not verb.may_lack_nodes:
                self.require_open()
                return status, *answers
            time.sleep(BACKLOG_PAUSE_S)

    def entry(self, verb: Verb, *arguments: int) -> Entry | None:
        """Call an entry point that answers with an entry; return that, or None."""
        words, leave = self.words, self.arena.leave
        address = self.address(verb)
        numbers = five(*arguments)
        try:
            for slot in self.arena.seats:
                try:
                    status = int(invoke(words, address, self.block, slot, verb.reads, *numbers))
                    results = words[slot + RESULT_FIRST : slot + RESULT_VALUE + 1]
                    first, last, value = results.tolist()
                    break
                finally:
                    leave(slot)
        except IndexError as error:
            raise RuntimeError(SLOTS_TAKEN) from error
        self.require_open()
        return (first, last, value) if found(status) else None

    def scan(self, first: int, last: int, limit: int) -> list[Entry]:
        """Return up to `limit` entries that meet [first, last], ascending."""
        words, leave = self.words, self.arena.leave
        address = self.address(Verb.SCAN)
        try:
            for slot in self.arena.seats:
                try:
                    output = slot + SLOT_WORKER
                    numbers = five(first, last, limit, output)
                    count = int(invoke(words, address, self.block, slot, True, *numbers))
                    rows = words[output : output + 3 * count].reshape(count, 3).tolist()
                    break
                finally:
                    leave(slot)
        except IndexError as error:
            raise RuntimeError(SLOTS_TAKEN) from error
        self.require_open()
        return [(first, last, sound(value)) for first, last, value in rows]

    def address(self, verb: Verb) -> int:
        """Return the address of an entry point, and see to it that those it calls are there."""
        if (address := self._addresses.get(verb)) is None:
            if verb in STRUCTURE.helpers:
                self.arena.offer(self.block, STRUCTURE, (verb,))
            address = self._addresses[verb] = STRUCTURE.entries[verb].address
        return address

    def need_gaps(self) -> None:
        """Raise ValueError if the tree does not track gaps."""
        if not self.gaps:
            raise ValueError("this tree does not track gaps: make it with gaps=True")


@driver
def invoke(words, address, tree, slot, pin, a, b, c, d, e):  # type: ignore[no-untyped-def]
    """Call one entry point, pinned if it reads."""
    words = borrowed(words)
    if not pin:
        return entry_call(words, address, tree, slot, a, b, c, d, e)
    epoch_pin(words, slot)
    status = entry_call(words, address, tree, slot, a, b, c, d, e)
    epoch_unpin(words, slot)
    return status


def five(*arguments: int) -> list[Any]:
    """Return the arguments of an entry point as five uint64 (a plain int would be int64)."""
    return [np.uint64(argument) for argument in arguments] + [NOTHING] * (5 - len(arguments))


def sound(word: int) -> int:
    """Return `word`, unless it can be no value."""
    if word & RESERVED_BIT:
        raise RuntimeError(f"a read met the reserved word {word:#x}: the tree is damaged")
    return word


def found(status: int) -> bool:
    """Return whether something was found; raise what `done` raises."""
    if status == Status.NOT_FOUND:
        return False
    done(status)
    return True


def done(status: int) -> None:
    """Raise MemoryError for a full arena, RuntimeError for whatever else is not OK."""
    if status == Status.ARENA_FULL:
        raise MemoryError("the arena is full; the tree is unchanged")
    if status != Status.OK:
        raise RuntimeError(f"the tree cannot be used: {Status(status).name}")
