"""What a log cannot tell is counted with its reason, and is never agreement."""

from __future__ import annotations

from pathlib import Path

from tests.replay.strace.following import ANON, BEGUN, BRK, EXE, EXEC, FREE, mmap, written

TWO = FREE - 8192


def test_map_32bit_begins_at_random(tmp_path: Path) -> None:
    """Its address is taken as it is; a fixed one is no question."""
    flags = ANON + "|MAP_32BIT"
    fixed = mmap(0x41000000, flags=flags + "|MAP_FIXED", address=0x41000000)
    followed = written(tmp_path, EXEC, BRK, mmap(0x40001000, flags=flags), fixed, mmap(TWO))
    assert followed.answers.unknown == {("mmap 32bit", "random"): 1}
    assert followed.answers.right == {"brk": 1, "mmap": 1, "mmap fixed": 1}


def test_refusals_for_reasons_outside(tmp_path: Path) -> None:
    """Limits, rights and files are not in the log; the model is not spoilt by them."""
    followed = written(
        tmp_path, EXEC, BRK,
        mmap("-1 ENOMEM (Cannot allocate memory)"),
        mmap("-1 EPERM (Operation not permitted)"),
        mmap(TWO),
        '7 prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x555555554000, 4096, "x")'
        " = -1 EINVAL (Invalid argument)",
    )  # fmt: skip
    assert followed.answers.reasons == {"limits": 1, "refused": 2}
    assert followed.answers.right["mmap"] == 1


def test_an_error_that_is_predicted_is_right(tmp_path: Path) -> None:
    """And what a call did before it failed stays done."""
    followed = written(
        tmp_path, EXEC, BRK, mmap(TWO), mmap(TWO - 8192, flags="MAP_SHARED|MAP_ANONYMOUS"),
        f"7 mprotect({TWO:#x}, 65536, PROT_READ) = 0",
        f"7 mprotect({TWO - 4096 * 8:#x}, 4096, PROT_READ) = -1 ENOMEM (Cannot allocate memory)",
        "7 munmap(0x1001, 1) = -1 EINVAL (Invalid argument)",
    )  # fmt: skip
    assert followed.answers.right["munmap"] == 1
    assert followed.answers.right["mprotect"] == 2


def test_a_log_that_begins_in_the_middle_needs_a_list(tmp_path: Path) -> None:
    """Nothing is known of a process that was there before; a list tells what was mapped."""
    lost = written(tmp_path, mmap(TWO), maps=())
    assert lost.answers.unknown == {("mmap", "layout"): 1}
    attached = (BEGUN[0].replace("kind=exec", "kind=attach"), *BEGUN[1:3],
                "7effffff1000-7effffff2000 rw-p 00000000 00:00 0", *BEGUN[3:])  # fmt: skip
    attached = (attached[0], *BEGUN[1:])
    known = written(tmp_path, mmap(TWO), maps=attached)
    assert known.answers.right == {"mmap": 1}


def test_errors_about_older_mappings_prove_nothing(tmp_path: Path) -> None:
    """Without a list of what exec mapped, its parts cannot be protected by the model."""
    lines = (
        EXEC,
        BRK,
        "7 mprotect(0x555555554000, 4096, PROT_READ) = 0",
        mmap(TWO),
        mmap(TWO - 8192),
    )
    followed = written(tmp_path, *lines, maps=())
    assert followed.answers.unknown[("mprotect", "begun")] == 1
    assert not followed.answers.wrong


def test_a_line_that_does_not_parse_ends_what_is_known(tmp_path: Path) -> None:
    """Until the process executes another program; other processes are not touched by it."""
    again = BEGUN[0].replace("t=1.0", "t=2.0")
    followed = written(
        tmp_path, EXEC, BRK, "7 fork() = 8", "7 mmap(NULL, huh) = 0x1000", mmap(TWO),
        mmap(TWO, tid=8), EXEC, BRK, mmap(TWO), maps=(*BEGUN, again, *BEGUN[1:]),
    )  # fmt: skip
    assert followed.answers.unknown == {("mmap", "lost"): 1}
    assert followed.answers.right == {"brk": 2, "mmap": 2}


def test_a_call_that_is_not_followed_ends_what_is_known(tmp_path: Path) -> None:
    """A sealed mapping refuses later what the model would do."""
    followed = written(tmp_path, EXEC, BRK, "7 mseal(0x555555554000, 4096, 0) = 0", mmap(TWO))
    assert followed.answers.reasons == {"lost": 2}


def test_a_process_of_another_architecture_is_not_followed(tmp_path: Path) -> None:
    """Its calls are passed over; those of its parent are judged."""
    followed = written(
        tmp_path, EXEC, BRK, "7 fork() = 8",
        "[ Process PID=8 runs in 32 bit mode. ]",
        "8 mmap2(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xf7000000",
        "8 brk(NULL) = 0x8000000", mmap(TWO),
    )  # fmt: skip
    assert followed.answers.right == {"brk": 1, "mmap": 1}
    assert not followed.answers.wrong


def test_a_number_of_a_process_may_be_used_again(tmp_path: Path) -> None:
    """Each child begins as a copy of its parent, whatever had its number before."""
    followed = written(
        tmp_path, EXEC, BRK, "7 fork() = 8", mmap(TWO, tid=8), "8 exit_group(0) = ?",
        "8 +++ exited with 0 +++", "7 fork() = 8", mmap(TWO, tid=8),
        "7 fork() = 8", mmap(TWO, tid=8),
    )  # fmt: skip
    assert followed.answers.right["mmap"] == 3
    assert followed.processes == 4


def test_a_program_that_never_asks_for_its_heap_is_known_by_name(tmp_path: Path) -> None:
    """As those written in Go."""
    followed = written(tmp_path, EXEC, mmap(TWO))
    assert followed.answers.right == {"mmap": 1}
    other = BEGUN[0].replace(EXE, "/usr/bin/other")
    followed = written(tmp_path, EXEC, mmap(TWO), maps=(other, *BEGUN[1:]))
    assert followed.answers.unknown == {("mmap", "layout"): 1}


def test_what_faults_decide_is_unknown(tmp_path: Path) -> None:
    """Whether two neighbours are one mapping, which mremap needs."""
    low = TWO - 8192
    followed = written(
        tmp_path, EXEC, BRK, mmap(TWO),
        f"7 mprotect({TWO:#x}, 8192, PROT_NONE) = 0",
        mmap(low, flags="MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE"), mmap(low - 8192),
        f"7 mprotect({low - 8192:#x}, 8192, PROT_NONE) = 0",
        f"7 munmap({low:#x}, 8192) = 0",
        f"7 mremap({low - 8192:#x}, 8192, 16384, 0) = {low - 8192:#x}",
        f"7 mremap({low - 8192:#x}, 24576, 28672, MREMAP_MAYMOVE) = -1 EFAULT (Bad address)",
    )  # fmt: skip
    assert followed.answers.unknown == {("mremap", "faults"): 1}
