"""The mt_mod grammar: every prefix, pointer and number that real kernels print."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.traces import open_recording
from stressd.traces.events import (
    HIDDEN,
    KEY_MAX,
    Destroy,
    Erase,
    Event,
    EventLog,
    Lost,
    Search,
    Store,
)
from stressd.traces.mtmod import PROBLEMS_KEPT, MtModLog
from stressd.traces.textfile import TextFile, TraceError
from tests.traces.writing import destroy, erase, read, recording, search, store

STORE = "mt_mod 00000000cfb9c26d, (00000000ecf00323), STORE, 4096, 8191,"
SEARCH = (
    "addr=0x7f00 err=0 total_vm=0x43 flags=0x1 len=0x35000 lo=0x1000 hi=0x9000 mask=0x0 ofs=0x0"
)

# prefix -> the process that it names
PREFIXES: dict[str, int | None] = {
    "": None,
    "   ": None,
    "        chromium-6889    (   6889) 2869.806328: vma_mt_store: ": 6889,
    "             mts-7102    (   7098) 2874.937835: vma_mt_store: ": 7098,
    "            true-15050   [000] .....   695.547307: vma_mt_store: ": 15050,
    "            true-15051   (  15050) [003] d..2.   695.547307: vma_mt_store: ": 15050,
    "            true-15052   (-------) [000] .....   695.547307: vma_mt_store: ": 15052,
    "    Web Content-77      (     70) 1.000001: vma_mt_store: ": 70,
    "   kworker/0:1-12 (12)-99      (     98) 1.000001: vma_mt_store: ": 98,
    "     a-b: c-d-15      [001] ..... 1.5: vma_mt_store: ": 15,
    "        mt_mod x-16      (     16) 1.5: vma_mt_store: ": 16,
    "true 15050/15051 [000]   695.547307: mmap:vma_mt_store: ": 15050,
    "true 15050 [000]   695.547307: mmap:vma_mt_store: ": 15050,
    "a (b) [c 31 [002]   695.547307: mmap:vma_mt_store: ": 31,
    "no process here 695.547307: vma_mt_store: ": None,
}

POINTERS = {
    "ffff888104c2a000": 0xFFFF888104C2A000,
    "00000000cfb9c26d": 0xCFB9C26D,
    "0xffff888104c2a000": 0xFFFF888104C2A000,
    "0XABC": 0xABC,
    "1": 1,
    "(null)": 0,
    "(nil)": 0,
    "(____ptrval____)": HIDDEN,
}


def one(folder: Path, *lines: str) -> Event:
    """Return the only event of a file."""
    (event,) = read(recording(folder, *lines))
    return event


def log_of(folder: Path, *lines: str) -> tuple[list[Event], EventLog]:
    """Return the events of a file, and what was counted while reading them."""
    log = open_recording(recording(folder, *lines))
    return list(log), log


@pytest.mark.parametrize("prefix", PREFIXES)
def test_any_prefix_may_precede_an_event(tmp_path: Path, prefix: str) -> None:
    """ftrace and perf script put different things before an event, and a comm holds anything."""
    event = one(tmp_path, prefix + STORE)
    assert event == Store(0xCFB9C26D, 0xECF00323, 4096, 8191, PREFIXES[prefix], 1)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_any_prefix_may_precede_a_search(tmp_path: Path, prefix: str) -> None:
    """A search has the same prefixes, with its own name at the end."""
    named = prefix.replace("vma_mt_store: ", "vm_unmapped_area: ")
    event = one(tmp_path, f"{named}{SEARCH} mm=0000000000000009")
    assert isinstance(event, Search)
    assert (event.mm, event.pid) == (9, PREFIXES[prefix])


@pytest.mark.parametrize("text", POINTERS)
def test_pointers_have_many_spellings(tmp_path: Path, text: str) -> None:
    """Raw, hashed and missing pointers are all numbers that can be compared."""
    event = one(tmp_path, f"mt_mod {text}, ({text}), STORE, 1, 2,")
    assert event == Store(POINTERS[text], POINTERS[text], 1, 2, None, 1)


def test_the_last_key_is_not_negative(tmp_path: Path) -> None:
    """exec erases up to 2^64 - 1, which no signed number holds."""
    line = "mt_mod 1, (NULL), SNULL, 140736634228736, 18446744073709551615,"
    assert one(tmp_path, line) == Erase(1, 140736634228736, KEY_MAX, None, 1)


@pytest.mark.parametrize("null", ["NULL", "(null)", "(nil)"])
def test_an_erase_stores_null(tmp_path: Path, null: str) -> None:
    """SNULL names no mapping, in whatever way a printf shows that."""
    assert one(tmp_path, f"mt_mod 1, ({null}), SNULL, 0, 0,") == Erase(1, 0, 0, None, 1)


def test_destroy_may_bring_its_own_newline(tmp_path: Path) -> None:
    """Some kernels end the format with a newline, which leaves a blank line."""
    events = read(recording(tmp_path, "x-1 [0] . 1.1: exit_mmap: " + destroy(7), "", destroy(8)))
    assert events == [Destroy(7, 1, 1), Destroy(8, None, 3)]


def test_a_search_tells_its_window_and_its_answer(tmp_path: Path) -> None:
    """All fields that decide the answer are read, and flag bit 0 is the direction."""
    line = search(5, 0x5000, length=0x3000, low=0x1000, high=0x9000, mask=0xFFF, offset=0x10)
    expected = Search(5, 0x1000, 0x9000, 0x3000, 0xFFF, 0x10, True, 0x5000, 0, None, 1)
    assert one(tmp_path, line) == expected
    assert expected.expected == 0x5000


def test_a_search_may_have_failed(tmp_path: Path) -> None:
    """err=-12 means that nothing was found: the address says nothing then."""
    event = one(tmp_path, search(5, 0, length=1, low=0, high=9, topdown=False, error=-12))
    assert isinstance(event, Search)
    assert (event.error, event.topdown, event.expected) == (-12, False, None)


def test_a_search_without_its_tree_is_counted(tmp_path: Path) -> None:
    """Plain kernels do not print mm=, and then nobody knows which tree was searched."""
    events, log = log_of(tmp_path, STORE, *[f"vm_unmapped_area: {SEARCH}"] * 3)
    assert len(events) == 1
    assert log.unattributed == 3
    (first,) = log.problems
    assert first.startswith(f"{log.path}:2: a search without mm=: nobody knows in which tree")


@pytest.mark.parametrize("line", ["CPU:3 [LOST 128 EVENTS]", "LOST 128 events on cpu 0"])
def test_lost_events_are_told(tmp_path: Path, line: str) -> None:
    """A ring buffer that overflowed says how much is missing."""
    events, log = log_of(tmp_path, STORE, line)
    assert events[1] == Lost(128, 2)
    assert log.problems == [f"{log.path}:2: events are missing from here on (got {line})"]


def test_overwritten_events_are_lost_too(tmp_path: Path) -> None:
    """The heading of ftrace tells how many of the events written are still in the buffer."""
    heading = "# entries-in-buffer/entries-written: 140/200   #P:4"
    assert read(recording(tmp_path, "# tracer: nop", heading, STORE))[0] == Lost(60, 2)


def test_a_complete_buffer_lost_nothing(tmp_path: Path) -> None:
    """Equal numbers in the heading mean that all events are there."""
    heading = "# entries-in-buffer/entries-written: 200/200   #P:4"
    assert len(read(recording(tmp_path, heading, STORE))) == 1


def test_an_empty_erase_is_odd_but_harmless(tmp_path: Path) -> None:
    """A kernel that erases nothing prints last = first - 1; it changes nothing."""
    events, log = log_of(tmp_path, STORE, "mt_mod 1, (NULL), SNULL, 4096, 4095,")
    assert len(events) == 1
    assert (log.odd, log.unread) == (1, 0)
    assert log.problems == [
        f"{log.path}:2: the first key is above the last; ignored "
        "(got mt_mod 1, (NULL), SNULL, 4096, 4095,)"
    ]


def test_other_events_are_passed_over(tmp_path: Path) -> None:
    """A recording may hold any other event, even of a program called mt_mod."""
    others = [
        "bash-1 [000] d..2. 1.0: sched_switch: prev_comm=bash ==> next_comm=mt_mod x next_pid=3",
        "mt_mod x-9 [000] ..... 1.0: sys_enter: NR 9 (0, 1000, 3, 22)",
        "cat-7 [000] ..... 1.0: page_fault_user: address=0x7f00 ip=0x55",
        "# tracer: nop",
        "",
    ]
    events, log = log_of(tmp_path, *others, STORE)
    assert len(events) == 1
    assert log.unread == 0


MALFORMED = {
    "mt_mod 12345678901234567, (1), STORE, 1, 2,": "the address of a tree was expected",
    "mt_mod xyz, (1), STORE, 1, 2,": "the address of a tree was expected",
    "mt_mod ": "the address of a tree was expected",
    "mt_mod 1 (1), STORE, 1, 2,": "the address of a tree was expected",
    "mt_mod 1, (1), LOAD, 1, 2,": "DESTROY, (address), STORE or (NULL), SNULL was expected",
    "mt_mod 1, (NULL), STORE, 1, 2,": "DESTROY, (address), STORE or (NULL), SNULL was expected",
    "mt_mod 1, (1), SNULL, 1, 2,": "DESTROY, (address), STORE or (NULL), SNULL was expected",
    "mt_mod 1, (1), STORE, 1, 2": "two numbers were expected, each with a comma",
    "mt_mod 1, (1), STORE, 1,": "two numbers were expected, each with a comma",
    "mt_mod 1, (1), STORE, -1, 2,": "two numbers were expected, each with a comma",
    "mt_mod 1, (1), STORE, 0x1, 0x2,": "two numbers were expected, each with a comma",
    "mt_mod 1, (1), STORE, 1, 18446744073709551616,": "a number is above 18446744073709551615",
    "mt_mod 1, (1), STORE, 1, 111111111111111111111,": "a number is above 18446744073709551615",
    "mt_mod 1, (NULL), SNULL, 9, 18446744073709551616,": "a number is above",
    "mt_mod 1, (1), STORE, 3, 2,": "the first key is above the last",
    "mt_mod 1, (1), STORE, 1, 2, 3": "the line was expected to end",
    "mt_mod 1, DESTROYED": "the line was expected to end",
    "x-1 [0] . 1.0: vma_mt_store: mt_mo 1, (1), STORE, 1, 2,": "the event does not follow",
    "x-1 [0] . 1.0: vm_unmapped_area: addr=7f00": "the event does not follow",
    search(1, 0, length=0, low=0, high=9).join(["vm_unmapped_area: ", ""]): "the event does not",
}


@pytest.mark.parametrize("line", MALFORMED)
def test_a_malformed_event_is_shown_with_its_place(tmp_path: Path, line: str) -> None:
    """What announces an event and does not parse is told, and the event counts as lost."""
    events, log = log_of(tmp_path, STORE, line, STORE)
    assert log.unread == 1
    assert events[1] == Lost(1, 2)
    assert len(events) == 3
    (problem,) = log.problems
    assert problem.startswith(f"{log.path}:2: {MALFORMED[line]}")
    assert line.rpartition(": ")[2].strip()[:40] in problem


def test_only_the_first_problems_are_kept(tmp_path: Path) -> None:
    """A file full of damage makes a short list and a true count."""
    _, log = log_of(tmp_path, STORE, *["mt_mod broken"] * 1000)
    assert log.unread == 1000
    assert len(log.problems) == PROBLEMS_KEPT


def test_a_long_line_is_shown_in_part(tmp_path: Path) -> None:
    """A problem fits on a screen, whatever the line holds."""
    _, log = log_of(tmp_path, STORE, "mt_mod " + "x" * 5000)
    assert len(log.problems[0]) < len(log.path) + 300


def test_strange_bytes_are_no_reason_to_stop(tmp_path: Path) -> None:
    """A comm is any bytes; a problem shows them escaped."""
    path = tmp_path / "made.trace"
    path.write_bytes(b"\xff\xfe-1 [0] . 1.0: vma_mt_store: " + STORE.encode() + b"\nmt_mod \xff\n")
    log = open_recording(str(path))
    assert len(list(log)) == 2
    assert "\\xff" in log.problems[0]


def test_lines_may_end_as_on_windows(tmp_path: Path) -> None:
    """A recording that went through an editor there is still one."""
    path = tmp_path / "made.trace"
    path.write_bytes(f"{STORE}\r\n{destroy(1)}\r\n".encode())
    assert len(read(str(path))) == 2


def test_a_text_without_events_is_not_a_recording(tmp_path: Path) -> None:
    """Somebody named the wrong file."""
    path = recording(tmp_path, "dear diary", "today nothing happened")
    with pytest.raises(TraceError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: not a recording: no event in its 2 lines"


def test_many_prefixes_do_not_fill_memory(tmp_path: Path) -> None:
    """The memory of processes is bounded, and forgetting one changes nothing."""
    lines = [f"x-{pid} [0] . 1.0: n: {STORE}" for pid in range(1, 6000)]
    log = MtModLog(TextFile(recording(tmp_path, *lines)))
    assert [event.pid for event in log if isinstance(event, Store)] == list(range(1, 6000))
    assert len(log._pids) < 5000


KEYS = st.integers(0, KEY_MAX) | st.sampled_from([0, 1, 1 << 63, KEY_MAX - 1, KEY_MAX])
RANGES = st.tuples(KEYS, KEYS).map(sorted)


@given(mm=KEYS, vma=KEYS, ends=RANGES)
def test_every_store_survives_print_and_parse(
    tmp_path_factory: pytest.TempPathFactory, mm: int, vma: int, ends: list[int]
) -> None:
    """What is printed of a store is read back as it was, over the whole range of keys."""
    line = store(mm, vma, *ends)
    folder = tmp_path_factory.getbasetemp()
    assert one(folder, line) == Store(mm, vma, ends[0], ends[1], None, 1)
    assert one(folder, erase(mm, *ends)) == Erase(mm, ends[0], ends[1], None, 1)
    assert one(folder, destroy(mm)) == Destroy(mm, None, 1)


@given(
    mm=KEYS,
    ends=RANGES,
    length=st.integers(1, KEY_MAX),
    mask=KEYS,
    offset=KEYS,
    topdown=st.booleans(),
    error=st.integers(-4095, 0),
)
def test_every_search_survives_print_and_parse(
    tmp_path_factory: pytest.TempPathFactory,
    mm: int,
    ends: list[int],
    length: int,
    mask: int,
    offset: int,
    topdown: bool,
    error: int,
) -> None:
    """What is printed of a search is read back as it was."""
    low, high = ends
    line = search(
        mm,
        low,
        length=length,
        low=low,
        high=high,
        mask=mask,
        offset=offset,
        topdown=topdown,
        error=error,
    )
    expected = Search(mm, low, high, length, mask, offset, topdown, low, error, None, 1)
    assert one(tmp_path_factory.getbasetemp(), line) == expected
