"""Where an address space begins and ends: the lists of mappings that belong to a log.

exec chooses where the program, its loader, the vdso and the stack lie, and no system call tells.
A list of mappings taken after the exec does (`# snapshot pid=N kind=exec`). It may have been
taken late, when the program had mapped more: only what exec itself maps is taken from it. Which
exec it belongs to is told by start_brk=, where the heap began, or else by the order in which a
process executes programs.

A log that begins in the middle (strace -p) has a list of what was there (`kind=attach`): all of
it is taken. What such a list does not show (which memory was written to, which is not accounted
for) stays unknown.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Mapping as Limits
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stressd.replay.strace.files import file_at
from stressd.replay.strace.model import GUARD_GAP, PAGE, File, Held, Start
from stressd.traces import maps
from stressd.traces.calls import TASK_SIZE
from stressd.traces.maps import Mapping, Snapshot

LOADER = re.compile(r"/ld-[^/]*\.so(?:\.[0-9]+)*\Z")
KERNELS_OWN = ("[vvar]", "[vvar_vclock]", "[vdso]")
PROT = {"r": 1, "w": 2, "x": 4}

LEGACY_BASE = -(-TASK_SIZE // 3 // PAGE) * PAGE  # plus a random part, the same as below mmap_base
LEGACY_RANDOM = 1 << 40
STACK_RANDOM = 0x3FFFFF << 12
STACK_DEFAULT = 8 << 20
GAP_MIN, GAP_MAX = 128 << 20, TASK_SIZE // 6 * 5


@dataclass(frozen=True)
class Begun:
    """An address space as a list shows it."""

    start: Start
    exact: bool  # nothing that matters is hidden: it is that of a program that has just begun


class Snapshots:
    """The lists of mappings of one recording."""

    def __init__(self, path: str | None) -> None:
        self._begun: dict[int, list[Snapshot]] = defaultdict(list)
        self._attached: dict[int, Snapshot] = {}
        self._final: dict[int, deque[Snapshot]] = defaultdict(deque)
        self.path = path
        self.first_pid: int | None = None
        for snapshot in maps.read_file(path) if path else ():
            self._file(snapshot)

    def _file(self, snapshot: Snapshot) -> None:
        """Put a list where it will be asked for."""
        pid = snapshot.pid or 0
        if self.first_pid is None:
            self.first_pid = snapshot.pid
        if snapshot.is_final:
            self._final[pid].append(snapshot)
        elif snapshot.kind == "attach":
            self._attached.setdefault(pid, snapshot)
        else:
            self._begun[pid].append(snapshot)

    def executed(
        self, pid: int, program: str, start_brk: int | None, limits: Limits[str, int]
    ) -> Begun | None:
        """Return what exec mapped, of the program of `pid` whose heap begins there.

        A program that never asks for its heap is known by its name. Lists that were passed over
        are of programs before.
        """
        waiting = self._begun.get(pid, [])
        for number, snapshot in enumerate(waiting):
            said, exe = snapshot.number("start_brk"), snapshot.word("exe")
            if start_brk is None or said is None:
                fits = not exe or Path(exe).name == Path(program).name
            else:
                fits = said == start_brk
            if fits:
                del waiting[: number + 1]
                heap = said or start_brk or 0
                return Begun(begin(snapshot, heap, limits), exact=True)
        return None

    def attached(self, pid: int) -> Begun | None:
        """Return what there was when strace came to the process."""
        found = self._attached.get(pid)
        if found is None:
            return None
        heap = next((m for m in found.mappings if m.path == "[heap]"), None)
        start_brk = found.number("start_brk") or (heap.start if heap else 0)
        brk = heap.end if heap else start_brk
        return Begun(_started(found, found.mappings, start_brk, brk, {}), exact=False)

    def final(self, pid: int) -> Snapshot | None:
        """Return how a process ended; each answer is given once."""
        waiting = self._final.get(pid)
        return waiting.popleft() if waiting else None

    @property
    def unclaimed(self) -> int:
        """How many ends nobody has asked for."""
        return sum(map(len, self._final.values()))


def begin(snapshot: Snapshot, start_brk: int, limits: Limits[str, int]) -> Start:
    """Return the address space right after exec."""
    programs = (m.path for m in snapshot.mappings if m.inode and not LOADER.search(m.path))
    exe = snapshot.word("exe").replace("\\040", " ") or next(programs, "")
    kept: list[Mapping] = []
    for mapping in snapshot.mappings:
        own = mapping.path in (exe, "[stack]", *KERNELS_OWN) or LOADER.search(mapping.path)
        bss = kept and kept[-1].end == mapping.start and kept[-1].inode and not mapping.path
        if mapping.in_user_space and (own or bss):
            kept.append(mapping)
    return _started(snapshot, kept, start_brk, start_brk, limits)


def _started(
    snapshot: Snapshot,
    mappings: Sequence[Mapping],
    start_brk: int,
    brk: int,
    limits: Limits[str, int],
) -> Start:
    """Return the address space that holds these mappings, and where its searches begin.

    exec maps the loader and the vdso first, so searches from above end where the higher of them
    ends, and those from below begin where the lower one does. The random part of both is the
    same.
    """
    limits = {"STACK": snapshot.number("rlim_stack") or STACK_DEFAULT, **limits}
    files: dict[str, File] = {}
    held = tuple(_held(m, files) for m in mappings if _is_sound(m))
    low, top = _ends_of_first(mappings)
    if LEGACY_BASE <= low < LEGACY_BASE + LEGACY_RANDOM:
        return Start(held, _top(limits, low - LEGACY_BASE), low, False, start_brk, brk, limits)
    random = max(_top(limits, 0) - top, 0)
    return Start(held, top, LEGACY_BASE + random, True, start_brk, brk, limits)


def _ends_of_first(mappings: Sequence[Mapping]) -> tuple[int, int]:
    """Return where the loader and the vdso begin and end, with the loader's bss."""
    low, top = 0, TASK_SIZE
    before: Mapping | None = None
    for mapping in mappings:
        if mapping.path == "[stack]":
            break
        bss = before is not None and before.end == mapping.start == top and not mapping.path
        if mapping.path in KERNELS_OWN or LOADER.search(mapping.path) or bss:
            low, top = low or mapping.start, mapping.end
        before = mapping
    return low, top


def _is_sound(mapping: Mapping) -> bool:
    """Tell whether an address space of x86-64 can hold a mapping."""
    return mapping.end <= TASK_SIZE and not (mapping.start | mapping.end) % PAGE


def _top(limits: Limits[str, int], random: int) -> int:
    """Return mmap_base for a random part of so many bytes."""
    gap = min(max(limits["STACK"] + STACK_RANDOM + GUARD_GAP, GAP_MIN), GAP_MAX)
    return max(TASK_SIZE - gap - random, 0) & -PAGE


def _held(mapping: Mapping, files: dict[str, File]) -> Held:
    """Return what a line of /proc/PID/maps shows."""
    file = None
    if mapping.path in KERNELS_OWN:
        file = File(mapping.path, special=True)
    elif mapping.inode:
        file = files.setdefault(mapping.path, file_at(mapping.path))
    return Held(
        mapping.start,
        mapping.end,
        sum(PROT.get(letter, 0) for letter in mapping.perms[:3]),
        mapping.perms[3] == "s",
        mapping.path == "[stack]",
        file,
        mapping.offset,
    )
