"""Two memories with store buffers: x86-TSO, and PSO.

Each actor's stores wait in a buffer of its own until the schedule drains them; it sees its own,
others do not. Loads happen at once and in order.

    TSO   a buffer drains from its oldest store on: what x86-64 does
    PSO   any store may drain first, unless an older one of the buffer is to the same word, or a
          release fence parts them; a store-release waits for all that are older. What a
          processor with weakly ordered stores does

A full fence, and a swap that is labelled, wait until the own buffer is empty. A swap that was
weakened to relaxed waits, under PSO, for the stores to its own word alone.

Not in these models: loads out of order. What an acquire forbids shows in views.py only.

Source: Owens, Sarkar, Sewell, "A better x86 memory model: x86-TSO", TPHOLs 2009; PSO as in the
SPARC V9 manual.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from stressd_kernels.model.words import ZERO


class Store(NamedTuple):
    """A store that others cannot see yet."""

    index: int
    value: Any
    release: bool
    part: int  # release fences that came before it
    plain: bool


class Buffer:
    """The stores of one actor that wait, oldest first."""

    def __init__(self) -> None:
        self.stores: list[Store] = []
        self.newest: dict[int, tuple[Any, int]] = {}  # by word: the last value, and how many wait
        self.part = 0


class Buffers:
    """A memory with one store buffer for each actor; `reorder`: PSO instead of TSO."""

    def __init__(self, base: dict[int, Any], actors: int, reorder: bool) -> None:
        self.base = base
        self.reorder = reorder
        self.buffers = [Buffer() for _ in range(actors)]
        self.drained_plain = False  # whether the last store that was drained is plain
        self.visible = 0  # stores that others can see
        self.changed = 0  # hash of what differs from the beginning, order aside

    def read(self, actor: int, index: int, order: str) -> Any:
        """Return what `actor` sees at words[index]; the order of a load means nothing here."""
        own = self.buffers[actor].newest.get(index)
        return self.base.get(index, ZERO) if own is None else own[0]

    def write(self, actor: int, index: int, value: Any, order: str) -> None:
        """Put a store into the buffer; order is plain, relaxed or release."""
        buffer = self.buffers[actor]
        store = Store(index, value, order == "release", buffer.part, order == "plain")
        buffer.stores.append(store)
        buffer.newest[index] = value, buffer.newest.get(index, (None, 0))[1] + 1

    def swap(self, actor: int, index: int, change: Callable[[Any], Any], ordered: bool) -> Any:
        """Change words[index] in memory at once; return what was there."""
        self.settle(actor, None if ordered or not self.reorder else index)
        before = self.base.get(index, ZERO)
        after = change(before)
        if after is not None:
            self._commit(index, after)
        return before

    def fence(self, actor: int, kind: str) -> None:
        """Order by a fence: full, acquire or release."""
        if kind == "full":
            self.settle(actor)
        elif kind == "release":
            self.buffers[actor].part += 1

    def settle(self, actor: int, index: int | None = None) -> None:
        """Drain what waits, oldest first; with an index, the stores to that word alone."""
        place = 0
        stores = self.buffers[actor].stores
        while place < len(stores):
            if index is None or stores[place].index == index:
                self.drain(actor, place)
            else:
                place += 1

    def drains(self, actor: int) -> list[int]:
        """Return the places in the buffer whose stores may become visible next."""
        stores = self.buffers[actor].stores
        if not self.reorder:
            return [0] if stores else []
        may: list[int] = []
        passed: set[int] = set()
        for place, store in enumerate(stores):
            if store.part != stores[0].part:
                break
            if store.index not in passed and not (store.release and place):
                may.append(place)
            passed.add(store.index)
        return may

    def drain(self, actor: int, place: int) -> None:
        """Make one store visible."""
        buffer = self.buffers[actor]
        store = buffer.stores.pop(place)
        value, waiting = buffer.newest[store.index]
        if waiting == 1:
            del buffer.newest[store.index]
        else:
            buffer.newest[store.index] = value, waiting - 1
        self.drained_plain = store.plain
        self._commit(store.index, store.value)

    def _commit(self, index: int, value: Any) -> None:
        before = self.base.get(index, ZERO)
        self.base[index] = value
        self.visible += 1
        self.changed ^= hash((index, int(before))) ^ hash((index, int(value)))

    def finish(self) -> None:
        """Make everything visible."""
        for actor in range(len(self.buffers)):
            self.settle(actor)

    def state(self) -> int:
        """Return a hash of all that the future depends on."""
        waiting = tuple(
            tuple((s.index, int(s.value), s.release, s.part) for s in buffer.stores)
            for buffer in self.buffers
        )
        return hash((self.changed, waiting))
