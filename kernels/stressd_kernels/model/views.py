"""A memory in which loads may be stale, as C11 allows, and unordered plain accesses are races.

Each word has a history. Each actor has a *view*: for every word, the oldest entry of its history
that it may still read. A load takes any entry from there on, and moves the view to it.

    store-release   leaves the actor's view with the entry
    load-acquire    joins the view left with the entry that it reads
    relaxed load    keeps that view until an acquire fence joins it
    release fence   lets the relaxed stores after it leave the view at the fence
    full fence      also joins, and then leaves, the view of all full fences so far

Views carry clocks of actors, too: an access happened before another if the second one's view
holds the first one's clock. A plain access that is unordered with another actor's access to the
word, one of them a store, is a data race: whatever was read, the protocol is wrong. A volatile
read is taken for a relaxed load.

Stronger than C11 in two points: stores to one word stand in its history in the order in which
they were made, and no store is seen before the loads that came before it in its own actor. What
a release forbids to the *loads* before it shows as a race only if a plain access is involved.

Source: Kang, Hur, Lahav, Vafeiadis, Dreyer, "A promising semantics for relaxed-memory
concurrency", POPL 2017, without the promises; release sequences as in C++20; races as in
Flanagan, Freund, "FastTrack", PLDI 2009.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from stressd_kernels.model.words import ZERO

RUBBISH = np.uint64(0xBAD0BAD0BAD0BAD0)
View = dict[int, int]  # word -> place in its history; -1 - actor -> that actor's clock


class Race(AssertionError):
    """Two plain accesses to one word that nothing orders."""


class Entry(NamedTuple):
    """One value that a word has had, and the view that its store left."""

    value: Any
    view: View | None


def join(target: View, other: View) -> None:
    """Move `target` to at least `other` everywhere."""
    for key, place in other.items():
        if target.get(key, 0) < place:
            target[key] = place


class Thread:
    """What one actor has seen."""

    def __init__(self, number: int) -> None:
        self.key = -1 - number
        self.view: View = {self.key: 1}
        self.pending: View = {}  # of relaxed loads, for an acquire fence
        self.released: View | None = None  # at the last release fence

    def leave(self) -> View:
        """Return the view to leave with a release; later accesses are not covered by it."""
        left = dict(self.view)
        self.view[self.key] += 1
        return left


class Accesses:
    """The last accesses to one word: (clock by actor) of each kind."""

    def __init__(self) -> None:
        self.plain_write: tuple[int, int] | None = None
        self.plain_reads: View = {}
        self.others: View = {}  # atomic reads and writes
        self.atomic_writes: View = {}


class Views:
    """A memory of histories and views."""

    def __init__(
        self, base: dict[int, Any], actors: int, pick: Callable[[int, int, int], int]
    ) -> None:
        self.base = base
        self.drained_plain = False
        self.visible = 0  # stores that others can see
        self.pick = pick  # (actor, word, how many may be read) -> 0 the newest, 1 one older ...
        self.histories: dict[int, list[Entry]] = {}
        self.threads = [Thread(number) for number in range(actors)]
        self.full: View = {}  # left by full fences
        self.accesses: dict[int, Accesses] = {}

    def read(self, actor: int, index: int, order: str) -> Any:
        """Return a value that `actor` may see.

        order: plain, copied (plain, but what races is RUBBISH), volatile, relaxed or acquire
        """
        thread = self.threads[actor]
        if order != "copied":
            self._read_races(thread, index, order == "plain")
        elif not self._is_ordered(thread, index):
            return RUBBISH
        history = self.histories.get(index)
        if history is None:
            return self.base.get(index, ZERO)
        newest = len(history) - 1
        oldest = thread.view.get(index, 0)
        place = newest
        if oldest < newest:
            place = newest - self.pick(actor, index, newest - oldest + 1)
        thread.view[index] = place
        value, view = history[place]
        if view is not None:
            join(thread.view if order == "acquire" else thread.pending, view)
        return value

    def write(self, actor: int, index: int, value: Any, order: str) -> None:
        """Append a value to the history; order: plain, relaxed or release."""
        thread = self.threads[actor]
        self._write_races(thread, index, order == "plain")
        history = self._history(index)
        thread.view[index] = len(history)
        view = None
        if order == "release":
            view = thread.leave()
        elif order == "relaxed" and thread.released is not None:
            view = dict(thread.released)
            view[index] = len(history)
        history.append(Entry(value, view))
        self.visible += 1
        self.base[index] = value

    def swap(self, actor: int, index: int, change: Callable[[Any], Any], ordered: bool) -> Any:
        """Change the newest value; return what it was."""
        thread = self.threads[actor]
        self._read_races(thread, index, False)
        history = self._history(index)
        value, view = history[-1]
        thread.view[index] = len(history) - 1
        if view is not None:
            join(thread.view if ordered else thread.pending, view)
        after = change(value)
        if after is not None:
            self._write_races(thread, index, False)
            thread.view[index] = len(history)
            left = thread.leave() if ordered else dict(thread.released or {})
            join(left, view or {})  # a swap goes on with the release that it read
            history.append(Entry(after, left))
            self.visible += 1
            self.base[index] = after
        return value

    def fence(self, actor: int, kind: str) -> None:
        """Order by a fence: full, acquire or release."""
        thread = self.threads[actor]
        if kind != "release":
            join(thread.view, thread.pending)
        if kind == "full":
            join(thread.view, self.full)
            self.full = {key: place for key, place in thread.view.items() if key >= 0}
        if kind != "acquire":
            thread.released = thread.leave()

    def drains(self, actor: int) -> list[int]:
        """Return nothing: there are no buffers."""
        return []

    def finish(self) -> None:
        """Do nothing: memory holds the newest values."""

    def state(self) -> int:
        """Return a hash of all that the future depends on."""
        histories = tuple(
            (index, tuple((int(e.value), e.view and frozenset(e.view.items())) for e in history))
            for index, history in sorted(self.histories.items())
        )
        threads = tuple(
            (frozenset(t.view.items()), frozenset(t.pending.items()), str(t.released))
            for t in self.threads
        )
        return hash((histories, threads, frozenset(self.full.items())))

    # -- histories and races ---------------------------------------------------------------

    def _history(self, index: int) -> list[Entry]:
        history = self.histories.get(index)
        if history is None:
            history = self.histories[index] = [Entry(self.base.get(index, ZERO), None)]
        return history

    def _is_ordered(self, thread: Thread, index: int) -> bool:
        seen = self.accesses.get(index)
        last = seen and seen.plain_write
        return not last or thread.view.get(last[0], 0) >= last[1]

    def _read_races(self, thread: Thread, index: int, plain: bool) -> None:
        seen = self.accesses.get(index)
        if seen is None:
            seen = self.accesses[index] = Accesses()
        last = seen.plain_write
        if last is not None and thread.view.get(last[0], 0) < last[1]:
            raise Race(f"reads word {index:#x}, unordered with a plain store of another actor")
        clock = thread.view[thread.key]
        if plain:
            self._unordered(thread, seen.atomic_writes, index, "reads")
            seen.plain_reads[thread.key] = clock
        else:
            seen.others[thread.key] = clock

    def _write_races(self, thread: Thread, index: int, plain: bool) -> None:
        seen = self.accesses.get(index)
        if seen is None:
            seen = self.accesses[index] = Accesses()
        self._unordered(thread, seen.plain_reads, index, "stores to")
        last = seen.plain_write
        if last is not None and thread.view.get(last[0], 0) < last[1]:
            raise Race(f"stores to word {index:#x}, unordered with a plain store")
        clock = thread.view[thread.key]
        if plain:
            self._unordered(thread, seen.others, index, "stores plainly to")
            seen.plain_write = thread.key, clock
        else:
            seen.others[thread.key] = seen.atomic_writes[thread.key] = clock

    def _unordered(self, thread: Thread, clocks: View, index: int, what: str) -> None:
        for key, clock in clocks.items():
            if key != thread.key and thread.view.get(key, 0) < clock:
                raise Race(f"{what} word {index:#x}, unordered with an access of another actor")
