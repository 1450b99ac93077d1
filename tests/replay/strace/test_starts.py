"""Where programs begin and end, out of lists of their mappings."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressd.replay.strace.starts import LEGACY_BASE, begin
from stressd.traces import maps
from stressd.traces.calls import TASK_SIZE
from tests.replay.strace.following import (
    BEGUN,
    BRK,
    EXEC,
    FREE,
    LOADER,
    TOP,
    follow,
    mmap,
    written,
)
from tests.traces.writing import recording

DATA = Path(__file__).parent / "data"
HEAP = 0x555555600000


def start_of(folder: Path, *lines: str, heap: int = HEAP):  # type: ignore[no-untyped-def]
    """Return how the program of a list begins."""
    (snapshot,) = maps.read_file(recording(folder, *lines, name="one.maps"))
    return begin(snapshot, heap, {})


def test_searches_end_where_the_loader_does(tmp_path: Path) -> None:
    """Or the vdso; and those from below begin as much higher as those from above end lower."""
    start = start_of(tmp_path, *BEGUN)
    assert (start.mmap_base, start.topdown, start.brk) == (TOP, True, HEAP)
    assert start.legacy_base > LEGACY_BASE
    assert [held.grows for held in start.mappings] == [False, False, False, True]


def test_the_bss_of_a_loader_belongs_to_it(tmp_path: Path) -> None:
    """Older ones have one, above all else that exec maps."""
    bss = "7f0000000000-7f0000001000 rw-p 00000000 00:00 0"
    start = start_of(tmp_path, *BEGUN[:4], bss, BEGUN[4])
    assert start.mmap_base == TOP + 4096


def test_a_bottom_up_layout_begins_with_the_loader(tmp_path: Path) -> None:
    """It lies where no top-down layout can put it."""
    loader = f"{LEGACY_BASE + 0x5000:x}-{LEGACY_BASE + 0x7000:x} r--p 00000000 fe:00 2 {LOADER}"
    start = start_of(tmp_path, BEGUN[0], loader, BEGUN[1], BEGUN[4])
    assert (start.topdown, start.legacy_base) == (False, LEGACY_BASE + 0x5000)


def test_a_static_program_has_but_the_vdso(tmp_path: Path) -> None:
    """Without address randomisation its end is that of user space less 128 MiB."""
    vdso = "7ffff7fc8000-7ffff7fff000 r-xp 00000000 00:00 0 [vdso]"
    start = start_of(tmp_path, BEGUN[0], BEGUN[1], vdso, BEGUN[4])
    assert (start.mmap_base, start.legacy_base) == (TASK_SIZE - (128 << 20), LEGACY_BASE)


def test_a_late_list_is_cleared_of_what_the_program_mapped(tmp_path: Path) -> None:
    """Libraries, the heap, and memory beside them; not of its own bss."""
    late = (
        BEGUN[0],
        BEGUN[1],
        "555555560000-555555562000 rw-p 00000000 00:00 0",
        "555555600000-555555621000 rw-p 00000000 00:00 0 [heap]",
        "7effffe00000-7effffe10000 r--p 00000000 fe:00 9 /usr/lib/libc.so.6",
        "7effffe10000-7effffe12000 rw-p 00000000 00:00 0",
        "7efffffe0000-7efffffe4000 r--p 00000000 fe:00 8 /etc/ld.so.cache",
        *BEGUN[2:],
    )
    starts = [held.start for held in start_of(tmp_path, *late).mappings]
    assert starts == [
        0x555555554000,
        0x555555560000,
        0x7EFFFFFF0000,
        0x7EFFFFFF2000,
        0x7FFFFFFDE000,
    ]


def test_the_limit_of_the_stack_moves_the_layout(tmp_path: Path) -> None:
    """So the random part is what is left."""
    more = BEGUN[0].replace("8388608", str(8 << 30))
    here, there = start_of(tmp_path, *BEGUN), start_of(tmp_path, more, *BEGUN[1:])
    assert there.legacy_base == here.legacy_base - (8 << 30) + (8 << 20)


def test_a_list_belongs_to_the_program_whose_heap_begins_there(tmp_path: Path) -> None:
    """One of the shell that forked, seen before it executed anything, is passed over."""
    shell = BEGUN[0].replace(str(HEAP), str(HEAP - 4096)), *BEGUN[1:]
    followed = written(tmp_path, EXEC, BRK, mmap(FREE - 8192), maps=(*shell, *BEGUN))
    assert followed.answers.right == {"brk": 1, "mmap": 1}


def test_the_process_that_has_no_number_is_the_first(tmp_path: Path) -> None:
    """strace does not number the lines of its own child."""
    final = BEGUN[0].replace("kind=exec", "kind=exit_group"), *BEGUN[1:]
    lines = (line.removeprefix("7 ") for line in (EXEC, BRK, "7 exit_group(0) = ?"))
    assert written(tmp_path, *lines, maps=(*BEGUN, *final)).ends.counts == {"equal": 1}


def ends(folder: Path, *lines: str, calls: tuple[str, ...] = ()) -> dict[str, int]:
    """Return how the end of a program compares that had these mappings besides."""
    head = BEGUN[0].replace("kind=exec", "kind=exit_group")
    final = head, BEGUN[1], *lines, *BEGUN[2:]
    followed = written(folder, EXEC, BRK, *calls, "7 exit_group(0) = ?", maps=(*BEGUN, *final))
    return dict(followed.ends.counts)


def test_what_differs_at_the_end_is_told(tmp_path: Path) -> None:
    """A mapping that is there and not in the model, or the other way round."""
    assert ends(tmp_path) == {"equal": 1}
    more = "7efffffe0000-7efffffe4000 rw-p 00000000 00:00 0"
    assert ends(tmp_path, more) == {"different": 1}
    assert ends(tmp_path, calls=(mmap(FREE - 8192),)) == {"different": 1}


def test_a_border_in_private_memory_may_be_due_to_faults(tmp_path: Path) -> None:
    """In shared memory it is not, and an edge of all that is mapped is none."""
    middle = FREE - 8192
    one = f"{middle:x}-{middle + 4096:x} rw-p 00000000 00:00 0"
    two = f"{middle + 4096:x}-{FREE:x} rw-p 00000000 00:00 0"
    assert ends(tmp_path, one, two, calls=(mmap(middle),)) == {"mixed": 1}
    shared = mmap(middle, flags="MAP_SHARED|MAP_ANONYMOUS")
    parted = (line.replace("rw-p", "rw-s") for line in (one, two))
    assert ends(tmp_path, *parted, calls=(shared,)) == {"different": 1}


@pytest.mark.parametrize("name", ["corners", "threads"])
def test_programs_of_their_own_kind(name: str) -> None:
    """One from below with huge pages, SysV memory, stacks and remaps; one of eight threads.

    corners   setarch -L, a pool of huge pages, MAP_32BIT twice
    threads   220 of 486 lines are halves of calls that overlap
    """
    followed = follow(DATA / f"{name}.strace.gz", DATA / f"{name}.maps.gz")
    answers = followed.answers
    assert not answers.wrong
    expected = {"corners": {"random": 2, "refused": 1}, "threads": {}}[name]
    assert dict(answers.reasons) == expected
    assert followed.ends.counts == {"corners": {"assumed": 2}, "threads": {"equal": 1}}[name]
    assert (answers.threaded["mmap"] > 0) == (name == "threads")
