"""Address spaces from Python: settings, blocks, and what must be compiled for which calls.

A block is opened with its tree and stays for any number of address spaces, one after the other:
`open_mm` begins an empty one; EXIT ends it, FORK begins another in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stressd_kernels.layout import (
    MM_ENTRIES_AT,
    MM_WORDS,
    MMS,
    TREE_ID,
    TREES_MAX,
    UMAX,
)
from stressd_kernels.maple import STRUCTURE
from stressd_kernels.memory import Arena
from stressd_kernels.mm import CALLS, VERBS, with_steps
from stressd_kernels.mm.calls import Call
from stressd_kernels.mm.layout import (
    HUGE_ALWAYS,
    HUGE_MADVISE,
    HUGE_NEVER,
    MM_ALIVE,
    MM_BRK,
    MM_COUNT_MAX,
    MM_DATA_MAX,
    MM_HUGE_PAGES,
    MM_ID,
    MM_LEGACY_BASE,
    MM_LOCKED_MAX,
    MM_MEMORY,
    MM_MIN_ADDR,
    MM_MMAP_BASE,
    MM_NONE,
    MM_NUMBERS,
    MM_SEQUENCE,
    MM_SPACE_MAX,
    MM_STACK_MAX,
    MM_STAGE,
    MM_START_BRK,
    MM_STATE,
    MM_TOPDOWN,
    MM_TREE,
    MM_VALIDATE,
    STAGES,
)
from stressd_kernels.mm.words import PAGE, TASK_SIZE

INFINITY = int(UMAX)
HUGE_PAGES = {"never": HUGE_NEVER, "madvise": HUGE_MADVISE, "always": HUGE_ALWAYS}


@dataclass(frozen=True)
class Limits:
    """What a process may have; bytes, but for the count of VMAs."""

    map_count: int = 65530  # vm.max_map_count
    address_space: int = INFINITY  # RLIMIT_AS
    data: int = INFINITY  # RLIMIT_DATA
    stack: int = 8 << 20  # RLIMIT_STACK
    locked: int = INFINITY  # RLIMIT_MEMLOCK; infinite for whoever has CAP_IPC_LOCK
    memory: int = INFINITY  # RAM and swap: no single request for more is believed
    min_addr: int = int(PAGE)  # vm.mmap_min_addr: nothing is mapped below


@dataclass(frozen=True)
class Settings:
    """How an address space begins: its structures, its checks, its places and limits.

    stage      which structures there are beside the maple tree: a key of STAGES
    validate   0 off; 1 around each call, comparing every answer; n after every n-th call
    """

    stage: str = "all"
    validate: int = 1
    mmap_base: int = int(TASK_SIZE)
    legacy_base: int = int(TASK_SIZE) // 3 & ~(int(PAGE) - 1)
    topdown: bool = True
    start_brk: int = 0
    brk: int = 0
    huge_pages: str = "madvise"  # transparent_hugepage/enabled
    limits: Limits = Limits()

    def words(self) -> dict[int, int]:
        """Return offset -> word of the block."""
        limits = self.limits
        return {
            MM_STAGE: STAGES[self.stage],
            MM_VALIDATE: self.validate,
            MM_MMAP_BASE: self.mmap_base,
            MM_LEGACY_BASE: self.legacy_base,
            MM_TOPDOWN: int(self.topdown),
            MM_START_BRK: self.start_brk,
            MM_BRK: self.brk,
            MM_HUGE_PAGES: HUGE_PAGES[self.huge_pages],
            MM_COUNT_MAX: limits.map_count,
            MM_SPACE_MAX: limits.address_space,
            MM_DATA_MAX: limits.data,
            MM_STACK_MAX: limits.stack,
            MM_LOCKED_MAX: limits.locked,
            MM_MEMORY: limits.memory,
            MM_MIN_ADDR: limits.min_addr,
        }


def open_mm(arena: Arena, settings: Settings, *, alive: bool = True) -> int:
    """Open a tree and the block beside it; return the word index of the block.

    alive  False: the block waits for a fork

    RuntimeError when no tree is left.
    """
    words = arena.words
    tree = arena.open_tree(gaps=True)
    arena.offer(tree, STRUCTURE, VERBS)
    mm = MMS + int(words[tree + TREE_ID]) * MM_WORDS
    words[mm + MM_TREE] = tree
    begin_mm(arena, mm, settings, alive=alive)
    return mm


def begin_mm(arena: Arena, mm: int, settings: Settings, *, alive: bool = True) -> None:
    """Let an empty address space begin in a block where the last one has ended."""
    words = arena.words
    kept = MM_TREE, MM_NUMBERS, MM_SEQUENCE, MM_ID
    tree, numbers, sequence, before = (int(words[mm + at]) for at in kept)
    words[mm : mm + MM_WORDS] = 0
    for offset, word in settings.words().items():
        words[mm + offset] = word
    words[mm + MM_TREE] = tree
    words[mm + MM_NUMBERS] = numbers
    words[mm + MM_SEQUENCE] = sequence + 1  # caches may hold records of the last one
    words[mm + MM_ID] = before + TREES_MAX if before else int(words[tree + TREE_ID]) + 1
    words[mm + MM_STATE] = MM_ALIVE if alive else MM_NONE


def offer_calls(arena: Arena, calls: Iterable[Call]) -> None:
    """Make `calls`, and the steps they use, callable in `arena` (compiles what is not ready)."""
    missing = [call for call in calls if arena.words[MM_ENTRIES_AT + call] == 0]
    for call in reversed(with_steps(missing)):  # steps first: what is ready is ready with them
        arena.words[MM_ENTRIES_AT + call] = CALLS[call].address
