"""Logs of real programs: the model gives the addresses that the kernel gave."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import NamedTuple

import pytest

from stressd.replay.strace.follower import Follower
from tests.mm.spec import place
from tests.replay.strace.following import follow, paths_of
from tests.traces.writing import recording


class Known(NamedTuple):
    """What a log holds: all of it is predicted."""

    calls: int
    processes: int
    programs: int  # execs that succeeded
    anywhere: int  # mmap without an address; in a process of one thread, if it is not threaded
    threaded: int  # those of several threads
    mremap: int
    finals: int


KNOWN = {
    "ls": Known(54, 1, 2, 23, 0, 0, 1),
    "gcc": Known(175, 3, 4, 56, 0, 0, 3),
    "sqlite": Known(97, 1, 2, 16, 0, 4, 1),
    "bashforks": Known(894, 37, 26, 466, 0, 0, 37),
    "pynumpy": Known(896, 1, 2, 318, 268, 0, 1),
    "stackgrow": Known(89, 4, 2, 13, 0, 46, 4),
}


@pytest.mark.parametrize("name", KNOWN)
def test_every_answer_of_the_kernel_is_predicted(name: str) -> None:
    """Each address and each error; whether memory was written to never matters here."""
    followed, known = follow(*paths_of(name)), KNOWN[name]
    answers = followed.answers
    assert answers.misses == []
    assert not answers.wrong
    assert not answers.unknown
    assert answers.right.total() == followed.calls == known.calls
    assert followed.processes == known.processes
    assert answers.right["mmap"] == known.anywhere
    assert answers.threaded["mmap"] == known.threaded
    assert answers.right["mremap"] == known.mremap
    assert followed.ends.counts == {"equal": known.finals}
    assert followed.ends.snapshots.unclaimed == 0


@pytest.mark.parametrize("name", KNOWN)
def test_without_lists_one_answer_per_program_is_unknown(name: str) -> None:
    """It tells where the layout ends; all others are predicted from it."""
    followed, known = follow(paths_of(name)[0]), KNOWN[name]
    answers = followed.answers
    assert not answers.wrong
    assert answers.unknown["mmap", "layout"] == known.programs
    assert answers.right["mmap"] == known.anywhere - known.programs
    assert not followed.ends.counts


def tampered(folder: Path, old: str, new: str) -> Follower:
    """Follow the log of ls with one thing changed everywhere."""
    log, maps = paths_of("ls")
    text = gzip.decompress(log.read_bytes()).decode()
    assert old in text
    changed = recording(folder, *text.replace(old, new).splitlines(), name="ls.strace")
    return follow(changed, maps)


def test_a_wrong_address_is_seen_and_then_taken(tmp_path: Path) -> None:
    """One that the kernel did not choose is wrong once; what follows is as the log says."""
    followed = tampered(tmp_path, "= 0x7f5f3e0bc000", "= 0x7f5f3e0b0000")
    first = followed.answers.misses[0]
    assert (first.line, first.call) == (62, "mmap")
    assert str(first).endswith("the kernel answered 0x7f5f3e0b0000, the model 0x7f5f3e0bc000")
    assert followed.ends.counts == {"different": 1}


def test_a_missing_unmap_shows_in_later_addresses(tmp_path: Path) -> None:
    """A range that stays mapped keeps mappings out."""
    followed = tampered(tmp_path, "munmap(0x7f5f3e368000, 41971) = 0", "getpid() = 1")
    assert followed.answers.wrong["mmap"] > 0


def test_a_missing_call_shows_at_the_end(tmp_path: Path) -> None:
    """The heap ends elsewhere than /proc said."""
    followed = tampered(tmp_path, "brk(0x55ec9dd49000) = 0x55ec9dd49000", "getpid() = 1")
    assert followed.ends.counts == {"different": 1}
    assert "-0x55ec9dd48fff only in /proc" in str(followed.ends.differences[0])


def test_a_rule_that_is_wrong_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule of huge pages the large mappings of a program are elsewhere."""
    monkeypatch.setattr(place, "PMD", 1 << 40)
    assert follow(*paths_of("sqlite")).answers.wrong["mmap"] > 0
