"""The address space that a program begins with, out of a list of its mappings.

exec chooses where the program, its loader, the vdso and the stack lie, and no system call tells.
A list of mappings taken after the exec does. It may have been taken late, when the program had
mapped more: only what exec itself maps is taken from it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from stressd.traces import maps
from stressd.traces.maps import Mapping, Snapshot
from stressd.traces.textfile import TextFile
from tests.mm.spec.space import AddressSpace, Anon, File, Vma
from tests.mm.spec.words import MAY_ACCESS, PAGE, SPECIAL, Limits, Vm

LOADER = re.compile(r"/ld-(?:linux|musl)?[^/]*\.so")
KERNELS_OWN = ("[vvar]", "[vvar_vclock]", "[vdso]", "[vsyscall]")
FIELD = re.compile(rb" (\w+)=(\S+)")


class Snapshots:
    """The lists of mappings of one recording: how programs began, and how they ended."""

    def __init__(self, path: Path) -> None:
        headings = [dict(FIELD.findall(line)) for line in _headings(path)]
        self._begun: dict[tuple[int, int], tuple[Snapshot, str]] = {}
        self._final: dict[int, list[Snapshot]] = defaultdict(list)
        for snapshot, fields in zip(maps.read_file(str(path)), headings, strict=True):
            pid = snapshot.pid or 0
            if snapshot.is_final:
                self._final[pid].append(snapshot)
            else:
                key = (pid, int(fields[b"start_brk"]))
                self._begun.setdefault(key, (snapshot, fields[b"exe"].decode()))

    def begun(self, pid: int, start_brk: int) -> AddressSpace | None:
        """Return what exec mapped, of the program of `pid` whose heap began there."""
        found = self._begun.get((pid, start_brk))
        return None if found is None else begin(*found, start_brk)

    def final(self, pid: int) -> Snapshot | None:
        """Return how a process ended; each answer is given once."""
        waiting = self._final[pid]
        return waiting.pop(0) if waiting else None

    @property
    def unclaimed(self) -> int:
        """How many ends nobody has asked for."""
        return sum(len(waiting) for waiting in self._final.values())


def _headings(path: Path) -> list[bytes]:
    """Return the lines that begin a list."""
    return [line for line in TextFile(str(path)).lines() if line.startswith(b"# snapshot")]


def begin(snapshot: Snapshot, exe: str, start_brk: int) -> AddressSpace:
    """Return the address space right after exec.

    mmap_base is where the loader ends, or the vdso if there is none: exec maps that first.
    """
    files: dict[str, File] = {}
    mm = AddressSpace(start_brk=start_brk, brk=start_brk, limits=Limits())
    top, before = 0, 0
    for mapping in snapshot.mappings:
        if not mapping.in_user_space:
            continue
        own = mapping.path == exe or mapping.path in KERNELS_OWN
        own = own or bool(LOADER.search(mapping.path)) or mapping.path == "[stack]"
        if not own and (mapping.path or mapping.start != before):
            continue  # mapped later; what touches the program itself is its bss
        mm.insert(vma_of(mapping, files))
        if mapping.path in KERNELS_OWN or LOADER.search(mapping.path):
            top = mapping.end
        before = mapping.end if mapping.path == exe else 0
    mm.mmap_base = top
    return mm


def vma_of(mapping: Mapping, files: dict[str, File]) -> Vma:
    """Return the VMA that a line of /proc/PID/maps shows, as far as it does."""
    flags = MAY_ACCESS
    for letter, flag in zip(mapping.perms, (Vm.READ, Vm.WRITE, Vm.EXEC), strict=False):
        flags |= flag if letter != "-" else Vm.NONE
    shared = mapping.perms[3] == "s"
    if shared:
        flags |= Vm.SHARED | Vm.MAYSHARE
    elif flags & Vm.WRITE:
        flags |= Vm.ACCOUNT
    vma = Vma(mapping.start, mapping.end, flags, None, mapping.start // PAGE)
    if mapping.path == "[stack]":
        vma.flags |= Vm.GROWSDOWN
        vma.anon, vma.chain = Anon(), 1
    elif mapping.path in KERNELS_OWN:
        vma.flags |= SPECIAL
        vma.file = File(mapping.path, special=True)
    elif mapping.inode:
        vma.file = files.setdefault(mapping.path, File(mapping.path))
        vma.pgoff = mapping.offset // PAGE
    return vma
