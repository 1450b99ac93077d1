"""Calls of several threads that overlap: the order is found in which all answers are right."""

from __future__ import annotations

from pathlib import Path

from tests.replay.strace.following import BRK, EXEC, FREE, mmap, written

A, B, C = FREE - 8192, FREE - 2 * 8192, FREE - 3 * 8192
THREAD = "7 clone(child_stack=0x7000, flags=CLONE_VM|CLONE_THREAD) = 8"
ASK = "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>"


def got(tid: int, address: int) -> str:
    """Return the second half of a call."""
    return f"{tid} <... mmap resumed>) = {address:#x}"


def test_calls_one_after_the_other_are_in_their_order(tmp_path: Path) -> None:
    """Though they are of two threads; they are counted as such."""
    followed = written(tmp_path, EXEC, BRK, THREAD, mmap(A), mmap(B, tid=8), mmap(C))
    assert followed.answers.right["mmap"] == 3
    assert followed.answers.threaded == {"mmap": 3}


def test_the_first_to_return_need_not_have_been_first(tmp_path: Path) -> None:
    """Its lower address says that the other one had the higher already."""
    lines = f"7 {ASK}", f"8 {ASK}", got(8, B), got(7, A)
    followed = written(tmp_path, EXEC, BRK, THREAD, *lines)
    assert followed.answers.right["mmap"] == 2
    assert not followed.answers.unknown


def test_a_range_that_is_given_again_was_unmapped_before(tmp_path: Path) -> None:
    """Although the munmap returned later."""
    lines = (
        mmap(A), f"8 munmap({A:#x}, 8192 <unfinished ...>", f"7 {ASK}", got(7, A),
        "8 <... munmap resumed>) = 0", mmap(B),
    )  # fmt: skip
    followed = written(tmp_path, EXEC, BRK, THREAD, *lines)
    assert followed.answers.right == {"brk": 1, "mmap": 3, "munmap": 1}
    assert not followed.answers.unknown


def test_what_no_order_explains_is_unknown(tmp_path: Path) -> None:
    """It is not wrong, and nothing after it can be wrong for certain."""
    lines = f"7 {ASK}", f"8 {ASK}", got(8, A - 0x100000), got(7, A), "8 +++ exited with 0 +++"
    followed = written(tmp_path, EXEC, BRK, THREAD, *lines, mmap(A - 0x200000))
    assert followed.answers.unknown == {("mmap", "raced"): 2}
    assert followed.answers.right["mmap"] == 1
    assert not followed.answers.wrong


def test_a_thread_alone_again_is_judged(tmp_path: Path) -> None:
    """If all that was raced for could be explained."""
    lines = f"7 {ASK}", f"8 {ASK}", got(8, B), got(7, A), "8 +++ exited with 0 +++"
    followed = written(tmp_path, EXEC, BRK, THREAD, *lines, mmap(A - 0x200000))
    assert followed.answers.wrong == {"mmap": 1}
