"""What came out of a log: how many answers of the kernel were predicted, and why the others not.

    right      predicted, and the kernel did just that
    wrong      predicted, and the kernel did something else: the model is, or the log
    unknown    what decides it is not in the log, and this is why

REASONS says why, for each word that is counted. Those of NATURAL are no fault of the log.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MISSES_KEPT = 50

REASONS = {
    "faults": "it depends on which memory was written to, which no call tells",
    "assumed": "equal only if all memory, or only if none, was written to; no call tells",
    "mixed": "private mappings are parted where neither model parts them: other faults, or a rule",
    "random": "the kernel draws a number: MAP_32BIT",
    "limits": "the kernel refused for want of memory, or for a limit that was set before the log",
    "refused": "the kernel refused because of a file, of rights, or of how it was built",
    "raced": "calls of several threads overlapped, and in the order taken here it is another",
    "layout": "where the program lies is not known",
    "begun": "it may be about mappings older than the log",
    "lost": "a call before could not be read, or cannot be followed",
    "foreign": "the process is of another architecture",
    "after": "an answer before was another one, and could not be made up for",
}
NATURAL = {"faults", "assumed", "random", "limits", "refused", "raced"}


@dataclass(frozen=True)
class Miss:
    """One answer that was predicted and is another."""

    line: int
    pid: int
    call: str  # as mmap
    predicted: str
    kernel: str

    def __str__(self) -> str:
        return (
            f"{self.call} of process {self.pid}: the kernel answered {self.kernel}, "
            f"the model {self.predicted}"
        )


@dataclass
class Answers:
    """What came out, by kind of call."""

    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, reason)
    threaded: Counter[str] = field(default_factory=Counter)  # right, of several threads
    misses: list[Miss] = field(default_factory=list)  # the first ones

    def agree(self, kind: str, *, threads: bool) -> None:
        """Count an answer that was predicted."""
        self.right[kind] += 1
        if threads:
            self.threaded[kind] += 1

    def wonder(self, kind: str, reason: str) -> None:
        """Count an answer that could not be predicted."""
        self.unknown[kind, reason] += 1

    def miss(self, kind: str, miss: Miss) -> None:
        """Count an answer that was predicted and is another."""
        self.wrong[kind] += 1
        if len(self.misses) < MISSES_KEPT:
            self.misses.append(miss)

    @property
    def reasons(self) -> Counter[str]:
        """How many answers are unknown for which reason."""
        found: Counter[str] = Counter()
        for (_, reason), count in self.unknown.items():
            found[reason] += count
        return found

    def kinds(self) -> dict[str, dict[str, int]]:
        """Return right, wrong and unknown answers of each kind of call."""
        unknown: Counter[str] = Counter()
        for (kind, _), count in self.unknown.items():
            unknown[kind] += count
        return {
            kind: {"right": self.right[kind], "wrong": self.wrong[kind], "unknown": unknown[kind]}
            for kind in sorted({*self.right, *self.wrong, *unknown})
        }
