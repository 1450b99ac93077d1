"""E: a reader uses a node, a writer unlinks and retires it, both may advance the epoch."""

from __future__ import annotations

from stressd_kernels.arena import leaf_take, ref_make
from stressd_kernels.door import load_acquire, store_release
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.layout import EPOCH_GLOBAL, LINE_WORDS, U0
from stressd_kernels.limbo import EPOCH_ADVANCES, limbo_advance, limbo_free, limbo_retire
from stressd_kernels.maple.node import SLOT_FIRST
from stressd_kernels.model.machine import at
from stressd_kernels.refs import LEAF_BIT, NODE_MASK
from tests.model.scenario import OWN, Actors, Scenario, words_of

LINK = OWN + LINE_WORDS  # the only reference to the node
GOOD = 77


class Epoch(Scenario):
    """The node holds GOOD for as long as anybody can reach it; freeing it poisons it."""

    name = "epoch"
    seats = 3
    preemptions = 2

    def prepare(self) -> None:
        """Link one leaf."""
        words, (writer, *_) = self.words, self.slots
        node = leaf_take(words, writer)
        words[node + SLOT_FIRST] = words_of(GOOD)
        self.ref = ref_make(words, node, LEAF_BIT)
        words[LINK] = self.ref
        self.epoch = int(words[EPOCH_GLOBAL])

    def actors(self) -> Actors:
        """Return a reader that pins twice, a writer that unlinks and frees, one who advances."""
        words, (writer, reader, other) = self.words, self.slots

        def read() -> None:
            for _ in self.some(range(2)):
                epoch_pin(words, reader)
                ref = load_acquire(words, LINK, "S1")
                if ref != U0:
                    at("USE")
                    value = int(words[int(ref & NODE_MASK) + SLOT_FIRST])
                    assert value == GOOD, f"a node was reused under its reader ({value:#x})"
                epoch_unpin(words, reader)

        def unlink() -> None:
            store_release(words, LINK, U0, "P1")
            limbo_retire(words, writer, self.ref)
            for _ in range(3):
                limbo_advance(words, writer)
                at("FREE")
                limbo_free(words, writer, 1)

        def advance() -> None:
            limbo_advance(words, other)

        return {"R": (read, reader), "W": (unlink, writer), "C": (advance, other)}

    def finish(self) -> None:
        """The epoch has moved as often as those say who moved it: of two at once, one has."""
        moved = sum(int(self.words[slot + EPOCH_ADVANCES]) for slot in self.slots)
        assert int(self.words[EPOCH_GLOBAL]) - self.epoch == moved, "an advance that was none"
