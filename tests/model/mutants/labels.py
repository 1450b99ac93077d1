"""Each label without its ordering: which memory shows what it is good for, and by which schedule.

NOT_SHOWN lists the labels that no model here can show to be needed, each with the reason; those
that only cover each other are taken away together in WEAKENED.
"""

from __future__ import annotations

from tests.model.mutant import Mutant
from tests.model.scenario import Scenario
from tests.model.scenarios.broken import Broken
from tests.model.scenarios.epoch import Epoch
from tests.model.scenarios.events import Events
from tests.model.scenarios.findings import Findings
from tests.model.scenarios.gaps import Gaps
from tests.model.scenarios.load import Load
from tests.model.scenarios.lock import Lock
from tests.model.scenarios.ring import Ring
from tests.model.scenarios.shortcut import Reused, Shortcut


def without(labels: str, scenario: type[Scenario], memory: str, script: str, finds: str) -> Mutant:
    """Return the mutant that is the right protocol but for the ordering of some labels."""
    return Mutant(
        f"without {labels}",
        scenario,
        memory,
        script,
        finds,
        weakened=frozenset(labels.split("+")),
    )


LEFT_EARLIER = "R>USE W>FREE R! C! W!"  # the reader leaves, another advances, the writer frees
PUBLISHED = "R>V1 W>DONE R1 R- R!"  # the new version is read, and the oldest words it allows
CHANGING = "R>S2 R1 W>DONE R>V2 R- R!"  # an old leaf, new gap words, the oldest version allowed
TAKEN = "R>T3 R1 A>W2 A1 A>W2 A1 R! A! B!"  # the writer comes round to records that were read
CORRECTED = "A>D4 W! A! B!"  # the table was open before, and is read after it was corrected

WEAKENED: tuple[Mutant, ...] = (
    without("E1", Epoch, "tso", "R>USE W! ~W R!", "reused under its reader"),
    without("E2", Epoch, "c11", "R>USE W>FREE C>E5 C- C! W! R!", "Race"),
    without("E3", Epoch, "tso", "W>E2 C! R>S1 R1 W! ~W R!", "reused under its reader"),
    without("E4", Epoch, "c11", "R>USE W>FREE R>E4 R1 C! W! R!", "Race"),
    without("E5", Epoch, "c11", LEFT_EARLIER, "Race"),
    without("E6", Epoch, "c11", LEFT_EARLIER, "Race"),
    without("E7", Epoch, "c11", LEFT_EARLIER, "Race"),
    without("E8", Epoch, "c11", "R>USE W>FREE R>E4 R>E1 C! W! R!", "Race"),
    without("W1", Lock, "c11", "A! B!", "Race"),
    without("W2", Lock, "pso", "A>W2 A1 ~A^ B4 ~A B! ~B A!", "are left|half of another"),
    without("W3", Broken, "pso", "D! ~D^ A4 ~D A! B! S!", "before what broke it"),
    without("W4", Broken, "c11", "A>W4 D! A! B! S!", "Race"),
    without("P1+P2", Load, "pso", "W>P4 ~W^ R! W!", "no state|reserved"),
    without("P2+P3", Gaps, "c11", CHANGING, "for state 0"),
    without("P4", Gaps, "c11", PUBLISHED, "for state 1"),
    without("V1", Gaps, "c11", PUBLISHED, "for state 1"),
    without("V2", Gaps, "c11", CHANGING, "for state 0"),
    without("S1", Load, "c11", "W>DONE W1 R>S1 W>DONE R!", "Race"),
    without("S2", Load, "c11", "R>S1 W>DONE R!", "Race"),
    without("R1", Ring, "pso", "W>R2 W1 ~W W>R2 W1 ~W W>R2 ~W^ R!", "record 1 is"),
    without("R2", Ring, "pso", "W>R2 W1 ~W0 ~W^ R!", "record 1 is"),
    without("F1", Findings, "pso", "W>F1 W1 ~W^ R! W!", "finding 1 of 1 is"),
    without("N1", Findings, "c11", "W! R>N1 R1 R- R!", "finding 1 of"),
    without("T1", Events, "pso", "B>T1 B1 ~B^ R! B! A!", "event 0 is"),
    without("T2", Events, "c11", "B! R! A!", "Race"),
    without("T3", Events, "c11", TAKEN, "Race"),
    without("T4", Events, "c11", TAKEN, "Race"),
    without("D1", Reused, "c11", "W! R!", "Race"),
    without("D2+P2", Shortcut, "c11", CORRECTED, "Race"),
    without("D3", Reused, "c11", "W! R!", "Race"),
    without("D4", Shortcut, "c11", CORRECTED, "Race"),
)

NOT_SHOWN = {
    "K1": "the value travels by P1, a release that comes after K1",
    "K2": "the value was read by S1, S2, an acquire that comes before K2",
}
