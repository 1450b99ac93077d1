"""Address spaces: a reader follows the tree to a record while its VMA shrinks, grows and ends."""

from __future__ import annotations

from stressd_kernels.door import entry_call, load_relaxed
from stressd_kernels.epoch import epoch_pin, epoch_unpin
from stressd_kernels.mm import CALLS
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import ANSWER
from stressd_kernels.mm.words import VM_READ
from stressd_kernels.model.machine import at
from stressd_kernels.records import VMA_END, VMA_PGOFF, VMA_START, vma_of
from stressd_kernels.spaces import Settings, offer_calls, open_mm
from stressd_kernels.status import Status
from tests.model.scenario import OK, RESERVED, Actors, Scenario, words_of

PAGE = 4096
NOT_FOUND = int(Status.NOT_FOUND)


class Spaces(Scenario):
    """What a pinned reader finds in a record is the range of one moment, with its own pgoff."""

    name = "spaces"

    def prepare(self) -> None:
        """Begin an address space with one VMA of eight pages, whose pgoff is its first page."""
        self.mm = open_mm(self.arena, Settings(stage="no-cache", validate=0))
        offer_calls(self.arena, (Call.PLACE, Call.MUNMAP, Call.EXIT, Call.LOOKUP))
        for slot in self.slots:
            assert self.call(slot, Call.RESERVE) == OK
        assert self.call(self.slots[0], Call.PLACE, *self.pages(8, 16), int(VM_READ), 0, 8) == OK

    def pages(self, first: int, last: int) -> tuple[int, int]:
        """Return the addresses of two pages."""
        return first * PAGE, last * PAGE

    def call(self, slot: int, call: Call, *arguments: int) -> int:
        """Make one call on the address space; its status."""
        five = [words_of(argument) for argument in (*arguments, 0, 0, 0, 0, 0)[:5]]
        return int(entry_call(self.words, CALLS[call].address, self.mm, slot, *five))

    def actors(self) -> Actors:
        """Return a writer that cuts the VMA at either end and ends it, and a reader."""
        writer, reader = self.slots
        cuts = ((8, 10), (14, 16))

        def write() -> None:
            for first, last in self.some(cuts):
                start, end = self.pages(first, last)
                assert self.call(writer, Call.MUNMAP, start, end - start) == OK
            assert self.call(writer, Call.EXIT) == OK

        def read() -> None:
            address = 12 * PAGE
            epoch_pin(self.words, reader)
            status = self.call(reader, Call.LOOKUP, address)
            if status == OK:
                value = self.words[reader + ANSWER]
                assert value < RESERVED, f"meets the reserved word {value:#x}"
                self.look(vma_of(value), address)
            else:
                assert status == NOT_FOUND
            epoch_unpin(self.words, reader)

        return {"W": (write, writer), "R": (read, reader)}

    def look(self, record: int, address: int) -> None:
        """Assert that a record holds the address, and that all of it is of one moment."""
        at("FOUND")
        start = int(load_relaxed(self.words, record + VMA_START))
        at("BETWEEN")
        end = int(load_relaxed(self.words, record + VMA_END))
        pgoff = int(load_relaxed(self.words, record + VMA_PGOFF))
        assert start <= address < end, f"{address:#x} is not in {start:#x} - {end:#x}"
        assert pgoff == start // PAGE, f"pgoff {pgoff} of {start:#x}"
