"""Logs of real programs: the model gives the addresses that the kernel gave."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import NamedTuple

import pytest

from stressd import resources
from stressd.traces import open_calls
from tests.mm.follow import Follower, Tally
from tests.mm.spec import place
from tests.mm.start import Snapshots
from tests.traces.writing import recording


class Known(NamedTuple):
    """What a log holds: all of it is predicted."""

    processes: int
    programs: int  # execs that succeeded
    anywhere: int  # mmap without an address, in processes of one thread
    threaded: int  # the same, in processes of several
    mremap: int
    finals: int


KNOWN = {
    "ls": Known(1, 2, 23, 0, 0, 1),
    "gcc": Known(3, 4, 56, 0, 0, 3),
    "sqlite": Known(1, 2, 16, 0, 4, 1),
    "bashforks": Known(37, 26, 466, 0, 0, 37),
    "pynumpy": Known(1, 2, 50, 268, 0, 1),
    "stackgrow": Known(4, 2, 13, 0, 46, 4),
}


def paths_of(name: str) -> tuple[Path, Path]:
    """Return the log and the lists of mappings of a recording."""
    folder = Path(resources.recording(name)).parent
    return folder / f"{name}.strace.gz", folder / f"{name}.maps.gz"


def follow(log: Path, maps: Path) -> tuple[Tally, Snapshots]:
    """Follow a log from its first exec to its end."""
    snapshots = Snapshots(maps)
    return Follower(open_calls(str(log)), snapshots).run(), snapshots


@pytest.mark.parametrize("name", KNOWN)
def test_every_answer_of_the_kernel_is_predicted(name: str) -> None:
    """Each address and each error; whether memory was written to never matters here."""
    tally, snapshots = follow(*paths_of(name))
    known = KNOWN[name]
    assert tally.misses == []
    assert {answer.rpartition(" ")[2] for answer in tally.answers} == {"right"}
    assert tally.processes == known.processes
    assert tally.answers["mmap right"] == known.anywhere
    assert tally.answers["mmap (threads) right"] == known.threaded
    assert tally.answers["mremap right"] == known.mremap
    assert tally.finals == {"equal": known.finals}
    assert snapshots.unclaimed == 0


def tampered(folder: Path, old: str, new: str) -> Tally:
    """Follow the log of ls with one thing changed everywhere."""
    log, maps = paths_of("ls")
    text = gzip.decompress(log.read_bytes()).decode()
    assert old in text
    changed = recording(folder, *text.replace(old, new).splitlines(), name="ls.strace")
    return follow(Path(changed), maps)[0]


def test_a_wrong_address_is_seen_and_then_taken(tmp_path: Path) -> None:
    """One that the kernel did not choose is wrong once; what follows is as the log says."""
    tally = tampered(tmp_path, "= 0x7f5f3e0bc000", "= 0x7f5f3e0b0000")
    assert tally.misses[0] == "line 62: mmap: 0x7f5f3e0bc000, not 0x7f5f3e0b0000"
    assert tally.answers["mmap wrong"] >= 1
    assert tally.finals == {"different": 1}


def test_a_missing_unmap_shows_in_later_addresses(tmp_path: Path) -> None:
    """A range that stays mapped keeps mappings out."""
    tally = tampered(tmp_path, "munmap(0x7f5f3e368000, 41971) = 0", "getpid() = 1")
    assert tally.answers["mmap wrong"] > 0


def test_a_missing_call_shows_at_the_end(tmp_path: Path) -> None:
    """The heap ends elsewhere than /proc said."""
    tally = tampered(tmp_path, "brk(0x55ec9dd49000) = 0x55ec9dd49000", "getpid() = 1")
    assert tally.finals == {"different": 1}
    assert "0x55ec9dd28000" in tally.misses[-1]


def test_a_rule_that_is_wrong_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule of huge pages the large mappings of a program are elsewhere."""
    monkeypatch.setattr(place, "PMD", 1 << 40)
    tally, _ = follow(*paths_of("sqlite"))
    assert tally.answers["mmap wrong"] > 0


def test_what_cannot_be_known_is_not_agreement(tmp_path: Path) -> None:
    """MAP_32BIT begins at a random place; a call that is not followed ends all knowledge."""
    tally = tampered(
        tmp_path,
        "mmap(NULL, 258, PROT_READ, MAP_PRIVATE,",
        "mmap(NULL, 258, PROT_READ, MAP_PRIVATE|MAP_32BIT,",
    )
    assert tally.answers["mmap 32bit unknown"] == 1
    tally = tampered(
        tmp_path, "munmap(0x7f5f3e368000, 41971) = 0", "mseal(0x7f5f3e368000, 4096, 0) = 0"
    )
    assert tally.answers["mmap unknown"] == 13
    assert tally.finals == {"unknown": 1}


@pytest.mark.parametrize("name", KNOWN)
def test_without_snapshots_one_answer_per_program_is_unknown(name: str) -> None:
    """It tells where the layout ends; all others are predicted from it."""
    log, _ = paths_of(name)
    tally = Follower(open_calls(str(log)), None).run()
    known = KNOWN[name]
    assert tally.misses == []
    assert tally.answers["mmap unknown"] == known.programs
    assert tally.answers["mmap right"] == known.anywhere - known.programs
    assert tally.answers["mmap (threads) right"] == known.threaded
    assert not any(answer.endswith("wrong") for answer in tally.answers)
    assert tally.finals == {}
