"""Our lines are the kernel's, to the letter, and every form of line that kernels print is read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from stressd.traces import open_recording
from stressd.traces.events import Destroy, Erase, Event, Search, Store
from stressd.tracing.lines import HEAD as HEAD_LINES
from stressd.tracing.lines import lines_of
from stressd.tracing.order import (
    ACTOR,
    EVENT_COLUMNS,
    LAST,
    LOST,
    MM,
    MORE,
    SLOT,
    STAMP,
    START,
    VMA,
)
from stressd_kernels.layout import SLOT_WORDS, SLOTS
from stressd_kernels.mm.trace import (
    EVENT_EXIT,
    EVENT_FLAGS_AT,
    EVENT_FOREIGN,
    EVENT_GROWS,
    EVENT_SEARCH,
    EVENT_STORE,
    EVENT_SZERO,
)
from tests.traces.writing import read, recording

TOP = (1 << 64) - 1
TREE = 0xFFFF888104C2A000
HEAD = "         stressd-3       (     12) [002] .....  2869.806328: "

# The examples of the grammar: the first three as the change printed them, the others as recorded.
EXAMPLES: dict[str, Event] = {
    "mt_mod ffff888104c2a000, (ffff88810a1b3d80), STORE, 140737488347136, 140737488351231,": Store(
        TREE, 0xFFFF88810A1B3D80, 140737488347136, 140737488351231, None, 1
    ),
    "mt_mod ffff888104c2a000, (NULL), SNULL, 94088124542976, 94088124559359,": Erase(
        TREE, 94088124542976, 94088124559359, None, 1
    ),
    "mt_mod ffff888104c2a000, DESTROY": Destroy(TREE, None, 1),
    "        chromium-6889    (   6889) 2869.806328: vma_mt_store: mt_mod 0000000061b61fdb, "
    "(00000000ecf00323), STORE, 140737488347136, 140737488351231,": Store(
        0x61B61FDB, 0xECF00323, 140737488347136, 140737488351231, 6889, 1
    ),
    "             mts-7098    (   7098) 2874.936784: vma_mt_szero: mt_mod 00000000cfb9c26d, "
    "(NULL), SNULL, 140736634228736, 18446744073709551615,": Erase(
        0xCFB9C26D, 140736634228736, TOP, 7098, 1
    ),
    "            true-15050   [000] .....   695.547307: exit_mmap: mt_mod 00000000ca2723de, "
    "DESTROY": Destroy(0xCA2723DE, 15050, 1),
}


def line_of(kind: int, tree: int = TREE, **columns: int) -> str:
    """Return the line of one event, made by seat 2 for address space 12."""
    row = np.zeros((1, EVENT_COLUMNS), np.uint64)
    row[0, MM], row[0, ACTOR], row[0, SLOT] = tree, 12, SLOTS + 2 * SLOT_WORDS
    row[0, START] = columns.pop("start", 0) | kind
    places = {"vma": VMA, "last": LAST, "lost": LOST, "stamp": STAMP}
    for name, value in columns.items():
        row[0, places[name]] = value
    return "".join(lines_of(row, np.array([2869_806328])))


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_of_the_grammar_is_read(tmp_path: Path, line: str) -> None:
    """The original's own form, and the two that recordings have."""
    assert read(recording(tmp_path, line)) == [EXAMPLES[line]]


def test_a_destroy_may_be_followed_by_a_blank_line(tmp_path: Path) -> None:
    """The original's format has a line feed of its own."""
    path = recording(tmp_path, "mt_mod ffff888104c2a000, DESTROY", "", "")
    log = open_recording(path)
    assert list(log) == [Destroy(TREE, None, 1)]
    assert log.problems == []


def test_a_store_is_printed_as_the_change_prints_it() -> None:
    """vma_mt_store: the tree, the VMA, the range with its last byte, a comma at the end."""
    line = line_of(EVENT_STORE, vma=0xFFFF88810A1B3D80, start=140737488347136, last=140737488351231)
    (example, *_) = EXAMPLES
    assert line == f"{HEAD}vma_mt_store: {example}\n"


def test_an_erasure_is_printed_as_the_change_prints_it() -> None:
    """vma_mt_szero: no VMA; the last byte may be the last there is."""
    _, example, *_ = EXAMPLES
    line = line_of(EVENT_SZERO, start=94088124542976, last=94088124559359)
    assert line == f"{HEAD}vma_mt_szero: {example}\n"
    line = line_of(EVENT_SZERO, start=4096, last=TOP)
    assert line.endswith("(NULL), SNULL, 4096, 18446744073709551615,\n")


def test_an_end_is_printed_as_the_change_prints_it() -> None:
    """exit_mmap: DESTROY, on a line of its own."""
    _, _, example, *_ = EXAMPLES
    assert line_of(EVENT_EXIT) == f"{HEAD}exit_mmap: {example}\n"


def test_what_is_done_for_another_is_printed_alike() -> None:
    """Who acts stands in the prefix alone."""
    assert line_of(EVENT_STORE | EVENT_FOREIGN, start=4096) == line_of(EVENT_STORE, start=4096)


def test_a_store_of_what_grows_down_is_announced(tmp_path: Path) -> None:
    """In a comment on the line before; nothing else tells a stack from another mapping."""
    text = line_of(EVENT_STORE | EVENT_GROWS, vma=0xABC, start=4096, last=8191)
    comment, line = text.splitlines()
    assert comment == "# (0000000000000abc) grows down"
    assert f"{line}\n" == line_of(EVENT_STORE, vma=0xABC, start=4096, last=8191)
    store = Store(TREE, 0xABC, 4096, 8191, 12, 2, True)
    assert read(recording(tmp_path, comment, line, line)) == [
        store,
        store._replace(line=3, grows=None),
    ]


def test_a_trace_says_that_it_announces_what_grows(tmp_path: Path) -> None:
    """From there on a store without an announcement is of a mapping that does not grow down."""
    line = line_of(EVENT_STORE, vma=0xABC, start=4096, last=8191).rstrip()
    path = recording(tmp_path, *HEAD_LINES.splitlines(), line, "# (abc) grows down", line, line)
    stores = read(path)
    assert [one.grows for one in stores if isinstance(one, Store)] == [False, True, False]


def test_a_comment_about_another_mapping_says_nothing(tmp_path: Path) -> None:
    """It is about the next store, if that is of the mapping that it names."""
    line = line_of(EVENT_STORE, vma=0xABC, start=4096, last=8191).rstrip()
    for comment in ("# (0000000000000abd) grows down", "# (abc) grows", "# (zz) grows down"):
        (store,) = read(recording(tmp_path, comment, line))
        assert isinstance(store, Store)
        assert not store.grows


def test_a_search_is_printed_as_the_kernel_prints_it(tmp_path: Path) -> None:
    """vm_unmapped_area: hexadecimal but for the error, which is negative; and mm= at the end."""
    row = np.zeros((1, EVENT_COLUMNS), np.uint64)
    row[0, MM], row[0, ACTOR], row[0, SLOT] = 0xABC62102, 6842, SLOTS
    row[0, VMA] = 0x7FAA1D870000
    row[0, START] = 1 << EVENT_FLAGS_AT | EVENT_SEARCH
    row[0, LAST] = 0x35000
    row[0, MORE:LOST] = 0x1000, 0x7FAA1D8A5000, 0x1FFFFF, 0x43 << EVENT_FLAGS_AT, 0x3000, 0
    (line,) = lines_of(row, np.array([2868_426510]))
    assert line.endswith(
        ": vm_unmapped_area: addr=0x7faa1d870000 err=0 total_vm=0x43 flags=0x1 len=0x35000 "
        "lo=0x1000 hi=0x7faa1d8a5000 mask=0x1fffff ofs=0x3000 mm=00000000abc62102\n"
    )
    row[0, VMA], row[0, START], row[0, LOST - 1] = 0, EVENT_SEARCH, 12
    (line,) = lines_of(row, np.array([2868_426510]))
    assert ": addr=0x0 err=-12 total_vm=0x43 flags=0x0 len=" in line
    window = (0x1000, 0x7FAA1D8A5000, 0x35000, 0x1FFFFF, 0x3000)
    assert read(recording(tmp_path, line.rstrip())) == [
        Search(0xABC62102, *window, False, 0, -12, 6842, 1)
    ]


def test_a_loss_is_announced_as_ftrace_does() -> None:
    """On a line of its own, before the event behind it."""
    first, second = line_of(EVENT_EXIT, lost=17).splitlines()
    assert first == "CPU:2 [LOST 17 EVENTS]"
    assert second.endswith("DESTROY")


PREFIX = re.compile(r" *\S+-\d+ +\( *\d+\) \[\d{3}\] \S{5} +\d+\.\d{6}: [a-z_]+: ")


def test_the_prefix_is_that_of_ftrace() -> None:
    """comm-tid (tgid) [cpu] flags time: name: as in the grammar, whatever the numbers are."""
    assert PREFIX.match(line_of(EVENT_EXIT))
    row = np.zeros((1, EVENT_COLUMNS), np.uint64)
    row[0, MM] = row[0, ACTOR] = 12_345_678_901
    row[0, SLOT], row[0, START] = SLOTS + 255 * SLOT_WORDS, EVENT_EXIT
    (line,) = lines_of(row, np.array([98_765_432_000_001]))
    assert line.startswith(
        "         stressd-256     (12345678901) [255] ..... 98765432.000001: exit_mmap: "
    )
    assert PREFIX.match(line)
