"""What was asked for on the command line, checked before anything is compiled."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stressd.errors import UsageError

ENTRIES_DEFAULT = "1e3,1e5,1e6"
CHURN_DEFAULT = "60s"
ENTRIES_LEAST = 100  # the writes hold a quarter of the entries back at times
ENTRIES_MOST = 100_000_000  # 4 bytes of memory for each go on the random order alone
REPS_MOST = 1000
TURNS_MOST = 100
PEER_PROGRAM = "bench_qsbr"
PEER_VARIABLE = "STRESSD_PEER"
BYTES_PER_ENTRY = 100  # of memory at the peak: the tree, copies in limbo, rows, the order
BYTES_BESIDES = 800 << 20  # interpreter, compiler, samples, and the Python containers


@dataclass(frozen=True)
class Options:
    """A valid request."""

    entries: tuple[int, ...]
    sections: tuple[str, ...]
    reps: int
    peer: Path | None  # the folder of the references
    churn_s: float  # how long the tree is changed before the section `churned` looks again
    turns: int = 1  # how often a section is measured, the references and ours one after the other


def options(
    entries: str,
    sections: str | None,
    known: Mapping[str, bool],
    reps: int,
    peer: Path | None,
    churn: str = CHURN_DEFAULT,
    turns: int = 1,
) -> Options:
    """Return the checked request, or raise UsageError naming the option.

    known  the sections in their order, and whether each is measured if none is named
    """
    if not 1 <= reps <= REPS_MOST:
        raise UsageError(f"--reps: must be 1 .. {REPS_MOST} (got {reps})")
    if not 1 <= turns <= TURNS_MOST:
        raise UsageError(f"--turns: must be 1 .. {TURNS_MOST} (got {turns})")
    counts = tuple(dict.fromkeys(entry_count(word) for word in words_of("--entries", entries)))
    for count in counts:
        refuse_if_too_large(count)
    folder, churn_s = peer_folder(peer), duration_s("--churn", churn)
    return Options(counts, chosen(sections, known), reps, folder, churn_s, turns)


def words_of(option: str, text: str) -> list[str]:
    """Return the words of a list with commas."""
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise UsageError(f"{option}: must be a list such as {ENTRIES_DEFAULT} (got {text!r})")
    return words


def entry_count(word: str) -> int:
    """Return the number that `word` spells: 100000, 100_000 or 1e5."""
    try:
        number = float(word)
    except ValueError:
        raise UsageError(f"--entries: {word!r} is not a number") from None
    if not number.is_integer():
        raise UsageError(f"--entries: must be whole numbers (got {word})")
    if not ENTRIES_LEAST <= number <= ENTRIES_MOST:
        raise UsageError(f"--entries: must be {ENTRIES_LEAST} .. {ENTRIES_MOST:,} (got {word})")
    return int(number)


def duration_s(option: str, text: str) -> float:
    """Return the seconds of a duration: 60s, 1h30m."""
    from stressd.config.units import Duration

    try:
        seconds = Duration.parse(text).seconds
    except ValueError as error:
        raise UsageError(f"{option}: {error} (got {text!r})") from None
    if seconds <= 0:
        raise UsageError(f"{option}: must be longer than 0 (got {text!r})")
    return seconds


def chosen(sections: str | None, known: Mapping[str, bool]) -> tuple[str, ...]:
    """Return the sections of a list in the order in which they run; the usual, if there is none."""
    if sections is None:
        return tuple(name for name, by_default in known.items() if by_default)
    wanted = words_of("--sections", sections)
    for word in wanted:
        if word not in known:
            raise UsageError(f"--sections: must be some of {', '.join(known)} (got {word!r})")
    return tuple(name for name in known if name in wanted)


def peer_folder(folder: Path | None) -> Path | None:
    """Return where the references are: `folder`, or that of the environment."""
    named = "--peer"
    if folder is None:
        named = PEER_VARIABLE
        from_environment = os.environ.get(PEER_VARIABLE)
        if not from_environment:
            return None
        folder = Path(from_environment)
    program = folder / PEER_PROGRAM
    if not os.access(program, os.X_OK) or not program.is_file():
        raise UsageError(f"{named}: there is no program {PEER_PROGRAM} in {folder}")
    return folder.resolve()


def memory_needed(entries: int) -> int:
    """Return the bytes that measuring so many entries takes at its peak, about."""
    return entries * BYTES_PER_ENTRY + BYTES_BESIDES


def refuse_if_too_large(
    entries: int,
    meminfo: Path = Path("/proc/meminfo"),
    group: Path = Path("/sys/fs/cgroup"),
) -> None:
    """Raise UsageError if measuring so many entries would not fit the memory that is free."""
    known = [n for n in (available_bytes(meminfo), left_in_group(group)) if n is not None]
    needed = memory_needed(entries)
    if known and needed > min(known):
        gib = 1 << 30
        raise UsageError(
            f"--entries: {entries:,} need about {needed / gib:.1f} GiB of memory, "
            f"of which {min(known) / gib:.1f} GiB are available"
        )


def available_bytes(meminfo: Path) -> int | None:
    """Return what MemAvailable says of the machine; None if it does not say."""
    try:
        for line in meminfo.read_text(encoding="ascii").splitlines():
            name, _, rest = line.partition(":")
            if name == "MemAvailable":
                return int(rest.split()[0]) * 1024
    except (OSError, ValueError):
        pass
    return None


def left_in_group(folder: Path) -> int | None:
    """Return what a control group (version 2) leaves its processes; None if it has no limit."""
    try:
        most, used = (
            int((folder / name).read_text(encoding="ascii"))
            for name in ("memory.max", "memory.current")
        )
    except (OSError, ValueError):  # "max" is no number
        return None
    return max(0, most - used)
