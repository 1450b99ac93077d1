"""Logs of strace: every way in which a call is printed, cut in two, or damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.traces import TRACED, calls
from stressd.traces.calls import (
    Brk,
    Clone,
    Close,
    Descriptor,
    Dup,
    Ended,
    Exec,
    ExitGroup,
    Lost,
    Madvise,
    Mbind,
    Mlock,
    Mmap,
    Mprotect,
    Mremap,
    Munmap,
    Named,
    Open,
    Other,
    Personality,
    PkeyMprotect,
    Record,
    RemapFilePages,
    Returned,
    Rlimit,
    Shmat,
    Shmdt,
    Shmget,
    Signal,
)
from stressd.traces.strace import HELD_MAX, StraceLog
from stressd.traces.textfile import TextFile
from tests.traces.writing import GOOD, MMAP, log_of, recording

NO_FILE = Descriptor(-1, None)
THREAD_FLAGS = calls.CLONE_VM | calls.CLONE_THREAD


def one(folder: Path, line: str) -> Record:
    """Return the only record of a line of thread 7."""
    (record,) = log_of(folder, f"7     19:40:35.009789 {line}")[0]
    return record


def ok(result: int, tid: int = 7, line: int = 1, began: int | None = None) -> Returned:
    """Return how a call ended that went well."""
    return Returned(result, "", tid, line, line if began is None else began)


# -- lines -----------------------------------------------------------------------------------

PREFIXES = {
    "": 0,
    "7 ": 7,
    "7     19:40:35.009789 ": 7,
    "6842  19:40:35 ": 6842,
    "6842  1795376435.015358 ": 6842,
    "19:40:35.009789 ": 0,
    "1795376435.015358 ": 0,
    "     0.000123 ": 0,
    "[pid  6842] ": 6842,
    "[pid 6842] 19:40:35.009789 ": 6842,
    "[pid 6842] 19:40:35.009789 (+     0.000025) ": 6842,
    "7 19:40:35 [00007f5f3e373000] ": 7,
    "7 19:40:35 [   9] [00007f5f3e373000] ": 7,
    "7 19:40:35 [????????????????] ": 7,
}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_any_prefix_may_precede_a_call(tmp_path: Path, prefix: str) -> None:
    """strace numbers threads in two ways, and tells the time in four."""
    records, _ = log_of(tmp_path, f"{prefix}{GOOD} <0.000022>")
    assert records == [Mmap(0, 8192, 3, 0x22, NO_FILE, 0, ok(0x7F5F3E373000, tid=PREFIXES[prefix]))]


PRINTED: dict[str, Record] = {
    "mmap(0x7f1000, 10, PROT_NONE, MAP_SHARED|MAP_FIXED, 3</a (b), c>, 0x2000) = 0x7f1000": Mmap(
        0x7F1000, 10, 0, 0x11, Descriptor(3, "/a (b), c"), 0x2000, ok(0x7F1000)
    ),
    "mmap(NULL, 0x2000, 0x3, 0x22, 0xffffffff, 0) = 0x9000": Mmap(
        0, 0x2000, 3, 0x22, NO_FILE, 0, ok(0x9000)
    ),
    "mmap(NULL, 1, 0x1 /* PROT_READ */, 0x2 /* MAP_PRIVATE */, 3, 0) = 0x9000": Mmap(
        0, 1, 1, 2, Descriptor(3, None), 0, ok(0x9000)
    ),
    "mmap(NULL, 2097152, PROT_NONE, MAP_PRIVATE|MAP_ANON|MAP_HUGETLB|21<<MAP_HUGE_SHIFT, -1, 0)"
    " = 0x200000": Mmap(0, 2097152, 0, 0x40022 | 21 << 26, NO_FILE, 0, ok(0x200000)),
    "mmap(NULL, 1, PROT_READ, MAP_PRIVATE|0x8000000, -1, 0) = 0x9000": Mmap(
        0, 1, 1, 0x8000002, NO_FILE, 0, ok(0x9000)
    ),
    "mmap(NULL, 18446744073709551615, PROT_NONE, MAP_PRIVATE, -1, 0) = -1 ENOMEM "
    "(Cannot allocate memory)": Mmap(
        0, calls.KEY_MAX, 0, 2, NO_FILE, 0, Returned(-1, "ENOMEM", 7, 1, 1)
    ),
    "munmap(0x7faa1d85b000, 41971) = 0": Munmap(0x7FAA1D85B000, 41971, ok(0)),
    "munmap(0x1000, 4096)             = 0": Munmap(0x1000, 4096, ok(0)),
    "munmap(0x1001, 1) = -1 EINVAL (Invalid argument) <0.000005>": Munmap(
        0x1001, 1, Returned(-1, "EINVAL", 7, 1, 1)
    ),
    "munmap(0x1001, 1) = -1 (errno 22)": Munmap(0x1001, 1, Returned(-1, "EINVAL", 7, 1, 1)),
    "munmap(0x1000, 1) = ? ERESTARTNOINTR (To be restarted)": Munmap(
        0x1000, 1, Returned(None, "ERESTARTNOINTR", 7, 1, 1)
    ),
    "munmap(0x1000, 1) = ? <unavailable>": Munmap(0x1000, 1, Returned(None, "", 7, 1, 1)),
    "mprotect(0x1000, 16384, PROT_READ) = 0": Mprotect(0x1000, 16384, 1, ok(0)),
    "mprotect(0x1000, 1, PROT_READ|PROT_GROWSDOWN) = 0": Mprotect(0x1000, 1, 0x1000001, ok(0)),
    "pkey_mprotect(0x1000, 1, PROT_NONE, -1) = 0": PkeyMprotect(0x1000, 1, 0, -1, ok(0)),
    "madvise(0x1000, 8368128, MADV_DONTNEED) = 0": Madvise(0x1000, 8368128, 4, ok(0)),
    "madvise(0x1000, 1, 0x67 /* MADV_??? */) = 0": Madvise(0x1000, 1, 0x67, ok(0)),
    "mremap(0x1000, 4096, 8192, MREMAP_MAYMOVE) = 0x1000": Mremap(
        0x1000, 4096, 8192, 1, 0, ok(0x1000)
    ),
    "mremap(0x1000, 1, 2, MREMAP_MAYMOVE|MREMAP_FIXED, 0x9000) = 0x9000": Mremap(
        0x1000, 1, 2, 3, 0x9000, ok(0x9000)
    ),
    "mremap(0x1000, 1, 2, 0) = 0x1000": Mremap(0x1000, 1, 2, 0, 0, ok(0x1000)),
    "brk(NULL)                         = 0x56335b04e000": Brk(0, ok(0x56335B04E000)),
    "brk(0x56335b06f000) = 0x56335b06f000": Brk(0x56335B06F000, ok(0x56335B06F000)),
    "mlock(0x1000, 1) = 0": Mlock(0x1000, 1, 0, ok(0)),
    "mlock2(0x1000, 1, MLOCK_ONFAULT) = 0": Mlock(0x1000, 1, 1, ok(0)),
    "munlock(0x1000, 1) = 0": calls.Munlock(0x1000, 1, ok(0)),
    "mlockall(MCL_CURRENT|MCL_FUTURE) = 0": calls.Mlockall(3, ok(0)),
    "munlockall() = 0": calls.Munlockall(ok(0)),
    "mbind(0x1000, 4096, MPOL_PREFERRED, 0x55, 64, 0) = 0": Mbind(0x1000, 4096, ok(0)),
    "shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600) = 5": Shmget(4096, ok(5)),
    "shmat(5, NULL, SHM_RDONLY) = 0x9000": Shmat(5, 0, 0o10000, ok(0x9000)),
    "shmdt(0x9000) = 0": Shmdt(0x9000, ok(0)),
    "remap_file_pages(0x1000, 4096, 0, 3, MAP_NONBLOCK) = 0": RemapFilePages(
        0x1000, 4096, 3, ok(0)
    ),
    'openat(AT_FDCWD</x>, "a\\", b) = 3", O_RDWR|O_CREAT, 0666) = 4</y (z)>': Open(
        "/y (z)", True, ok(4)
    ),
    'open("/x", O_RDONLY) = 3': Open("/x", False, ok(3)),
    'openat2(AT_FDCWD, "/x", {flags=O_WRONLY, resolve=0}, 24) = 3': Open("/x", True, ok(3)),
    'memfd_create("m", MFD_CLOEXEC) = 3</memfd:m>(deleted)': Open("/memfd:m", True, ok(3)),
    "close(3</x>) = 0": Close(3, ok(0)),
    "close(5</var/tmp/e>(deleted)) = 0": Close(5, ok(0)),
    "dup2(3<pipe:[100813]>, 0</dev/null>) = 0<pipe:[100813]>": Dup(3, ok(0)),
    "fcntl(3, F_DUPFD_CLOEXEC, 10) = 10": Dup(3, ok(10)),
    "clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7) = 9": Clone(
        0, ok(9)
    ),
    "clone(child_stack=NULL, flags=0x1200100, child_tidptr=0x7) = 9": Clone(0x1200100, ok(9)),
    "clone3({flags=CLONE_VM|CLONE_THREAD, exit_signal=0} => {parent_tid=[9]}, 88) = 9": Clone(
        THREAD_FLAGS, ok(9)
    ),
    "fork() = 9": Clone(0, ok(9)),
    "vfork() = 9": Clone(calls.CLONE_VM | calls.CLONE_VFORK, ok(9)),
    'execve("/usr/bin/ls", ["ls", ") = 0 ("], 0x7ffc /* 38 vars */) = 0 <0.0003>': Exec(
        "/usr/bin/ls", ok(0)
    ),
    'execve("/x", ["x"...], 0x7) = -1 ENOENT (No such file or directory) (DELAYED) <0.1>': Exec(
        "/x", Returned(-1, "ENOENT", 7, 1, 1)
    ),
    'execveat(3, "", ["x"], 0x7, AT_EMPTY_PATH) = 0 (DELAYED)': Exec("", ok(0)),
    "exit(0) = ?": calls.Exit(Returned(None, "", 7, 1, 1)),
    "exit_group(0)     = ?": ExitGroup(Returned(None, "", 7, 1, 1)),
    "prlimit64(0, RLIMIT_STACK, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}, NULL) = 0": Rlimit(
        "STACK", 8 << 20, ok(0)
    ),
    "setrlimit(RLIMIT_AS, {rlim_cur=RLIM64_INFINITY, rlim_max=1}) = 0": Rlimit(
        "AS", calls.KEY_MAX, ok(0)
    ),
    "personality(ADDR_COMPAT_LAYOUT) = 0 (PER_LINUX)": Personality(0x200000, ok(0)),
    'prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x1, 4096, "heap") = 0': Named(1, 4096, "heap", ok(0)),
    "prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x1000, 1, NULL) = 0": Named(4096, 1, None, ok(0)),
    "prctl(PR_SET_MM, PR_SET_MM_BRK, 0x1000, 0, 0) = 0": Other("prctl", ok(0)),
    "ioctl(3<anon_inode:[userfaultfd]>, UFFDIO_REGISTER, {range={start=0x1}}) = 0": Other(
        "ioctl", ok(0)
    ),
    "mseal(0x1000, 4096, 0) = 0": Other("mseal", ok(0)),
    "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---": Signal(
        "SIGSEGV", 7, 1
    ),
    "+++ exited with 0 +++": Ended("", 7, 1),
    "+++ killed by SIGKILL +++": Ended("SIGKILL", 7, 1),
    "+++ killed by SIGSEGV (core dumped) +++": Ended("SIGSEGV", 7, 1),
}


@pytest.mark.parametrize("line", PRINTED)
def test_a_call_is_read_as_it_was_made(tmp_path: Path, line: str) -> None:
    """Every kind of call, argument and result."""
    assert one(tmp_path, line) == PRINTED[line]


PASSED_OVER = [
    "read(3, \"mmap(NULL) = 3\", 10) = 10",
    "wait4(-1,  <unfinished ...>",
    "<... wait4 resumed>[{WIFEXITED(s)}], 0, NULL) = 6382 <0.065719>",
    "restart_syscall(<... resuming interrupted read ...>) = 0",
    "prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=1}) = 0",
    "prlimit64(99, RLIMIT_STACK, {rlim_cur=1, rlim_max=1}, NULL) = 0",
    "prlimit64(0, RLIMIT_NOFILE, {rlim_cur=1, rlim_max=1}, NULL) = 0",
    "fcntl(3</x>, F_GETFD) = 0",
    "prctl(PR_SET_NAME, \"x\") = 0",
    "ioctl(0</dev/pts/1>, TCGETS, {c_iflag=ICRNL}) = 0",
    "--- stopped by SIGSTOP ---",
]  # fmt: skip


@pytest.mark.parametrize("line", PASSED_OVER)
def test_calls_that_change_no_memory_are_passed_over(tmp_path: Path, line: str) -> None:
    """A log may hold every call there is."""
    records, log = log_of(tmp_path, f"7 {line}", f"7 {GOOD}")
    assert len(records) == 1
    assert (log.unread, log.odd, log.unfinished) == (0, 0, 0)


def test_every_call_that_is_read_can_be_asked_for() -> None:
    """TRACED is what strace -e trace= takes."""
    assert {"mmap", "brk", "clone3", "exit_group"} <= set(TRACED)


# -- calls in two halves -----------------------------------------------------------------------


def test_the_halves_of_a_call_are_joined(tmp_path: Path) -> None:
    """Other threads may act in between; a call is told where it returned."""
    records, _ = log_of(
        tmp_path,
        "1 brk(NULL <unfinished ...>",
        "2 munmap(0x1000, 4096 <unfinished ...>",
        "1 <... brk resumed>)                = 0x5000 <0.000024>",
        "2 <... munmap resumed> ) = 0",
    )
    assert records == [Brk(0, ok(0x5000, 1, 3, 1)), Munmap(0x1000, 4096, ok(0, 2, 4, 2))]


def test_the_second_half_may_hold_arguments(tmp_path: Path) -> None:
    """clone prints what the kernel wrote back, after it returned."""
    records, _ = log_of(
        tmp_path,
        "1 clone(child_stack=NULL, flags=CLONE_VM|SIGCHLD <unfinished ...>",
        "1 <... clone resumed>, child_tidptr=0x7f00) = 9",
    )
    assert records == [Clone(calls.CLONE_VM, ok(9, 1, 2, 1))]


def test_a_second_half_alone_is_lost(tmp_path: Path) -> None:
    """A log that begins inside a call does not say what was called."""
    records, log = log_of(tmp_path, "1 <... mmap resumed>) = 0x7000", f"1 {GOOD}")
    assert records[0] == Lost(1, 1)
    assert log.problems == [
        f"{log.path}:1: the beginning of this call is not in the log (got ) = 0x7000)"
    ]


@pytest.mark.parametrize("end", ["+++ killed by SIGKILL +++", "brk(NULL) = 0x5000"])
def test_a_call_that_never_returns_is_counted(tmp_path: Path, end: str) -> None:
    """The process was killed inside it, or the second half is missing."""
    _, log = log_of(tmp_path, f"1 {MMAP[:-1]} <unfinished ...>", f"1 {end}", f"2 {GOOD}")
    assert log.unfinished == 1


def test_calls_under_way_at_the_end_are_counted(tmp_path: Path) -> None:
    """strace was interrupted; an exit has no second half."""
    _, log = log_of(
        tmp_path, f"1 {GOOD}", "1 brk(NULL <unfinished ...>", "2 exit_group(0 <detached ...>"
    )
    assert log.unfinished == 1


def test_strace_may_break_into_its_own_line(tmp_path: Path) -> None:
    """Without -o it says in the middle of a clone that it follows the child."""
    records, log = log_of(
        tmp_path,
        "[pid  5] clone(child_stack=NULL, flags=SIGCHLDstrace: Process 9 attached",
        ", child_tidptr=0x7) = 9",
        f"[pid  9] {GOOD}",
    )
    assert [type(r) for r in records] == [Clone, Mmap]
    assert log.problems == []


# -- threads -----------------------------------------------------------------------------------


def test_a_child_that_acts_early_is_told_first(tmp_path: Path) -> None:
    """vfork returns when the child has a program of its own."""
    records, _ = log_of(
        tmp_path,
        "1 vfork( <unfinished ...>",
        '2 execve("/x", ["x"], 0x7) = 0',
        "1 <... vfork resumed>) = 2",
    )
    shared = calls.CLONE_VM | calls.CLONE_VFORK
    assert records == [Clone(shared, ok(2, 1, 2, 1)), Exec("/x", ok(0, 2, 2))]


def test_a_child_of_one_of_two_waits(tmp_path: Path) -> None:
    """While two clones are under way nobody knows whose child it is."""
    records, _ = log_of(
        tmp_path,
        "1 getpid() = 1",
        "2 getpid() = 2",
        "1 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>",
        "2 clone3({flags=CLONE_VM|CLONE_THREAD}, 88 <unfinished ...>",
        "3 brk(NULL) = 0x5000",
        "4 brk(NULL) = 0x6000",
        "2 <... clone3 resumed>) = 3",
        "4 brk(NULL) = 0x7000",
        "1 <... clone resumed>) = 4",
    )
    assert records == [
        Clone(THREAD_FLAGS, ok(3, 2, 7, 4)),
        Brk(0, ok(0x5000, 3, 5)),
        Clone(0, ok(4, 1, 9, 3)),
        Brk(0, ok(0x6000, 4, 6)),
        Brk(0, ok(0x7000, 4, 8)),
    ]


def test_waiting_records_do_not_fill_memory(tmp_path: Path) -> None:
    """A thread whose parent stays unknown is told without it, after a while."""
    records, _ = log_of(
        tmp_path,
        "1 getpid() = 1",
        "2 getpid() = 2",
        "1 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>",
        "2 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>",
        *["3 brk(NULL) = 0x5000"] * (HELD_MAX + 5),
    )
    assert len(records) == HELD_MAX + 5


def test_the_first_process_may_have_no_number(tmp_path: Path) -> None:
    """Without -o it gets one only when there is a second, and loses it when that is gone."""
    records, _ = log_of(
        tmp_path,
        'execve("/x", ["x"], 0x7) = 0',
        "clone(child_stack=NULL, flags=SIGCHLD) = 9",
        "strace: Process 9 attached",
        "[pid     9] brk(NULL) = 0x5000",
        "[pid     8] brk(NULL <unfinished ...>",
        "[pid     9] +++ exited with 0 +++",
        "<... brk resumed>) = 0x5000",
    )
    tids = [r.tid if isinstance(r, Ended) else r.returned.tid for r in records]  # type: ignore[union-attr]
    assert tids == [0, 0, 9, 9, 0]


def test_the_exec_of_a_thread_ends_the_others(tmp_path: Path) -> None:
    """The thread takes the number of its process, in the middle of the call."""
    records, _ = log_of(
        tmp_path,
        "5 brk(NULL) = 0x5000",
        '6 execve("/x", ["x"], 0x7 <pid changed to 5 ...>',
        "5 +++ superseded by execve in pid 6 +++",
        "5 <... execve resumed>) = 0",
    )
    assert records[1:] == [Ended("", 6, 3), Exec("/x", ok(0, 5, 4, 2))]


def test_threads_that_end_are_forgotten(tmp_path: Path) -> None:
    """Memory is that of the threads alive, not of all there ever were."""
    lines = [
        line for tid in range(1, 500) for line in (f"{tid} {GOOD}", f"{tid} +++ exited with 0 +++")
    ]
    log = StraceLog(TextFile(recording(tmp_path, *lines)))
    assert len(list(log)) == 998
    assert log._threads == {}


WORDS = st.integers(0, calls.KEY_MAX)


@given(address=WORDS, length=WORDS, prot=st.integers(0, 15), flags=WORDS, offset=WORDS)
def test_every_mmap_survives_print_and_parse(
    tmp_path_factory: pytest.TempPathFactory,
    address: int,
    length: int,
    prot: int,
    flags: int,
    offset: int,
) -> None:
    """What is printed of a mapping is read back as it was, in whatever base."""
    line = f"mmap({address:#x}, {length}, {prot:#x}, {flags:#x}, 3</f>, {offset:#o}) = 0x1000"
    line = line.replace("0o", "0")
    assert one(tmp_path_factory.getbasetemp(), line) == Mmap(
        address, length, prot, flags, Descriptor(3, "/f"), offset, ok(0x1000)
    )
