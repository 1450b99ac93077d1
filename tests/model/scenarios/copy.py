"""W: a tree is copied while it is written, and somebody wants to copy it back."""

from __future__ import annotations

from stressd_kernels.layout import RESULT_VALUE
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.status import Status
from stressd_kernels.verbs import Verb
from tests.model.scenario import OK, Actors, Scenario

EXISTS = int(Status.EXISTS)


class Copy(Scenario):
    """The copy is the source at the version that it names; two locks are held, nobody hangs."""

    name = "copy"
    seats = 3
    entries = ((0, 3, 1), (10, 13, 2), (20, 23, 3), (30, 33, 4))

    def prepare(self) -> None:
        """Open the tree that is to be the copy; it comes before the source."""
        self.source, self.tree = self.tree, self.arena.open_tree()
        self.arena.offer(self.tree, STRUCTURE, list(STRUCTURE.entries))
        self.copy, self.tree = self.tree, self.source

    def actors(self) -> Actors:
        """Return a writer, one who copies, and one who finds that it cannot be copied back."""
        writer, copier, other = self.slots

        def write() -> None:
            for first, last, value in self.some(((12, 21, 7), (0, 3, 0))):
                self.write(writer, first, last, value)

        def forth() -> None:
            status = self.ask(copier, Verb.COPY, self.source, tree=self.copy)
            assert status == OK, f"a copy answers {Status(status).name}"

        def back() -> None:
            status = self.ask(other, Verb.COPY, self.copy, tree=self.source)
            assert status == EXISTS, f"a copy over entries answers {Status(status).name}"

        return {"W": (write, writer), "A": (forth, copier), "B": (back, other)}

    def finish(self) -> None:
        """Compare the copy with the state that it names, key by key."""
        version = int(self.words[self.slots[1] + RESULT_VALUE])
        state = self.states[(version - self.first_version) // 2]
        for key in (0, 11, 13, 15, 22, 31, 40):
            found = self.ask(self.slots[0], Verb.LOAD, key, tree=self.copy)
            assert found == state.get(key, 0), f"load({key}) of the copy gives {found}"
        for tree in (self.source, self.copy):
            broken = self.ask(self.slots[0], Verb.CHECK, 0, 1000, tree=tree)
            assert broken == 0, f"invariant {broken} is broken"
