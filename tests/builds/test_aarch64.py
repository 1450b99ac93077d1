"""The code for aarch64 exists: whole entries compile for it, and use its instructions.

What is compiled is all that an entry calls, in the form in which it would run there; nothing is
linked or executed. See aarch64_program.py.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from stressd_kernels.builds import BUILD
from tests.builds.aarch64_program import FEATURES
from tests.builds.processes import python

pytestmark = pytest.mark.skipif(BUILD != "fast", reason="once is enough")

ACQUIRE, RELEASE, SWAP, FULL, HALF = "acquire", "release", "swap", "full fence", "acquire fence"
SPIN, FETCH, TIME = "pause", "prefetch", "stamp"
PATTERNS = {  # what -> the instruction on the first aarch64, and since LSE and RCpc
    ACQUIRE: (r"\bldar\b", r"\bldapr\b"),
    RELEASE: (r"\bstlr\b", r"\bstlr\b"),
    SWAP: (r"\bldaxr\b[\s\S]*\bstlxr\b", r"\bcasal\b"),
    FULL: (r"\bdmb\s+ish\b", r"\bdmb\s+ish\b"),
    HALF: (r"\bdmb\s+ishld\b", r"\bdmb\s+ishld\b"),
    SPIN: (r"\byield\b", r"\byield\b"),
    FETCH: (r"\bprfm\s+pldl1keep\b", r"\bprfm\s+pldl1keep\b"),
    TIME: (r"\bisb\s+mrs\s+x\d+, cntvct_el0\b", r"\bisb\s+mrs\s+x\d+, cntvct_el0\b"),
}
EXPECTED = {
    "maple.entries.load": {ACQUIRE, FETCH},
    "maple.entries.gap_upward": {ACQUIRE, HALF, SPIN, FETCH},
    "maple.entries.store": {ACQUIRE, RELEASE, SWAP, FULL, SPIN, FETCH, TIME},
    "maple.entries.rebuild_any": {RELEASE, FULL, FETCH},  # the lock is held already
    "maple.entries.reserve": {ACQUIRE, RELEASE, SWAP, FULL, SPIN},  # the epoch, the arena's lock
    "maple.entries.collect": {ACQUIRE, RELEASE, SWAP, FULL, SPIN},
    "slice.run": {RELEASE, FULL, TIME},  # pins, stamps and the ring
}
ELF_AARCH64 = 183


@cache
def compiled(folder: Path) -> Path:
    """Compile all entries into `folder`, once."""
    done = python(
        "-m",
        "tests.builds.aarch64_program",
        str(folder),
        *EXPECTED,
        NUMBA_CPU_NAME="generic",
        NUMBA_CPU_FEATURES="",
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with what was compiled."""
    return compiled(tmp_path_factory.mktemp("aarch64"))


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("entry", EXPECTED)
def test_an_entry_uses_the_instructions_that_its_protocols_need(
    folder: Path, entry: str, features: str
) -> None:
    """Each ordering is there under its own name on that machine."""
    assembly = (folder / f"{entry}.{features}.s").read_text().lower()
    column = list(FEATURES).index(features)
    missing = {what for what in EXPECTED[entry] if not re.search(PATTERNS[what][column], assembly)}
    assert missing == set()


@pytest.mark.parametrize("entry", EXPECTED)
def test_nothing_of_another_processor_is_left(folder: Path, entry: str) -> None:
    """No line of assembly is written by hand, and no vector is wider than that machine's."""
    code = (folder / f"{entry}.ll").read_text()
    assert not re.search(r"\basm\b|llvm\.x86|rdtsc|readcyclecounter", code)
    for features in FEATURES:
        assembly = (folder / f"{entry}.{features}.s").read_text()
        assert not re.search(r"%[re]?[abcd]x|[xyz]mm\d", assembly)


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("entry", EXPECTED)
def test_an_entry_becomes_an_object_of_that_machine(
    folder: Path, entry: str, features: str
) -> None:
    """Every instruction can be encoded."""
    binary = (folder / f"{entry}.{features}.o").read_bytes()
    assert binary[:4] == b"\x7fELF"
    assert int.from_bytes(binary[18:20], "little") == ELF_AARCH64
