"""An address space of the kernel that runs here, to hold the model against.

A small C program does what it is told to its own mappings and shows them, with their flags
(VmFlags of /proc/PID/smaps). Every request here is done by it and by the model; both must give
the same answer and have the same VMAs afterwards.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import resource
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.mm.caller import DATA_BYTES
from tests.mm.spec.change import Map, mmap, munmap
from tests.mm.spec.grow import brk, fault, populate
from tests.mm.spec.modify import madvise, mlock, mlockall, mprotect, mseal, munlock
from tests.mm.spec.process import fork
from tests.mm.spec.remap import mremap
from tests.mm.spec.shm import remap_file_pages, shmat, shmdt
from tests.mm.spec.space import AddressSpace, Anon, File, Vma
from tests.mm.spec.words import INFINITY, PAGE, Failed, Limits, Vm, page_up

SOURCE = Path(__file__).with_name("executor.c")
KERNEL = "6.18."  # the rules are those of this one
MMAP, MPROTECT, MUNMAP, BRK, MREMAP, MADVISE = 9, 10, 11, 12, 25, 28
MUNLOCK, MLOCKALL, MUNLOCKALL, MLOCK2 = 150, 151, 152, 325
REMAP_FILE_PAGES, MSEAL = 216, 462
SHMGET, SHMAT, SHMCTL, SHMDT = 29, 30, 31, 67
HEADING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) \S{4} ([0-9a-f]+) \S+ \d+\s*(.*)")
FLAGS = {
    "rd": Vm.READ, "wr": Vm.WRITE, "ex": Vm.EXEC, "sh": Vm.SHARED,
    "mr": Vm.MAYREAD, "mw": Vm.MAYWRITE, "me": Vm.MAYEXEC, "ms": Vm.MAYSHARE,
    "gd": Vm.GROWSDOWN, "pf": Vm.PFNMAP, "lo": Vm.LOCKED, "lf": Vm.LOCKONFAULT,
    "io": Vm.IO, "sr": Vm.SEQ_READ, "rr": Vm.RAND_READ, "dc": Vm.DONTCOPY,
    "de": Vm.DONTEXPAND, "ac": Vm.ACCOUNT, "nr": Vm.NORESERVE, "ht": Vm.HUGETLB,
    "wf": Vm.WIPEONFORK, "dd": Vm.DONTDUMP, "mm": Vm.MIXEDMAP, "hg": Vm.HUGEPAGE,
    "nh": Vm.NOHUGEPAGE, "dp": Vm.DROPPABLE, "sl": Vm.SEALED,
}  # fmt: skip
USER_SPACE = 1 << 47


def build(folder: Path) -> Path:
    """Compile the program, or skip the test: only this kernel, and only with a compiler."""
    compiler = shutil.which("cc")
    if platform.machine() != "x86_64" or not platform.release().startswith(KERNEL):
        pytest.skip(f"the kernel here is not Linux {KERNEL}x on x86-64")
    if compiler is None:
        pytest.skip("no C compiler (cc) here")
    program = folder / "executor"
    command = [compiler, "-O1", "-static", "-o", str(program), str(SOURCE)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("the C compiler here cannot link statically")
    return program


class Live:
    """One process, and the model of its address space, kept alike."""

    def __init__(self, program: Path, files: dict[int, File], *, topdown: bool = True) -> None:
        self.files = files
        self._topdown = topdown
        self._process = subprocess.Popen(
            [*([] if topdown else ["setarch", "-L"]), str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            pass_fds=tuple(self.files),
        )
        for number in self.files:
            os.close(number)
        self.history: list[str] = []
        self._shown: list[tuple[int, int, Vm, int, str]] = []
        self._parents: list[AddressSpace] = []
        self.mm = self._begin()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    # -- both --------------------------------------------------------------------------------

    def mmap(
        self, address: int, length: int, prot: int, flags: int, number: int = -1, offset: int = 0
    ) -> int | str:
        """Map in both."""

        def model(mm: AddressSpace) -> int:
            file = self.files.get(number)
            start = mmap(mm, address, length, prot, flags, file, offset)
            if flags & (Map.LOCKED | Map.POPULATE):
                populate(mm, start, start + page_up(length))
            return start

        word = number & (1 << 64) - 1
        return self._both(model, MMAP, address, length, prot, flags, word, offset)

    def munmap(self, address: int, length: int) -> int | str:
        """Unmap in both."""
        return self._both(lambda mm: munmap(mm, address, length), MUNMAP, address, length)

    def mprotect(self, address: int, length: int, prot: int) -> int | str:
        """Protect in both."""
        words = (address, length, prot)
        return self._both(lambda mm: mprotect(mm, *words), MPROTECT, *words)

    def madvise(self, address: int, length: int, advice: int) -> int | str:
        """Advise both."""
        words = (address, length, advice)
        return self._both(lambda mm: madvise(mm, *words), MADVISE, *words)

    def mlock(self, address: int, length: int, *, on_fault: bool) -> int | str:
        """Lock in both."""
        return self._both(
            lambda mm: mlock(mm, address, length, on_fault=on_fault),
            MLOCK2, address, length, int(on_fault),
        )  # fmt: skip

    def mseal(self, address: int, length: int, flags: int = 0) -> int | str:
        """Seal in both."""
        words = (address, length, flags)
        return self._both(lambda mm: mseal(mm, *words), MSEAL, *words)

    def munlock(self, address: int, length: int) -> int | str:
        """Unlock in both."""
        return self._both(lambda mm: munlock(mm, address, length), MUNLOCK, address, length)

    def mlockall(self, flags: int) -> int | str:
        """Lock everything in both; 0 is munlockall."""
        number = MLOCKALL if flags else MUNLOCKALL
        return self._both(lambda mm: mlockall(mm, flags), number, flags)

    def mremap(self, address: int, old: int, new: int, flags: int, to: int = 0) -> int | str:
        """Remap in both."""
        words = (address, old, new, flags, to)
        return self._both(lambda mm: mremap(mm, *words), MREMAP, *words)

    def brk(self, address: int) -> int | str:
        """Move the end of the heap in both."""
        return self._both(lambda mm: brk(mm, address), BRK, address)

    def shmat(self, pages: int, address: int, flags: int) -> int | str:
        """Attach a new segment in both; it vanishes with its last attachment."""
        number = self._ask(f"{SHMGET} 0 {pages * PAGE} {0o600}")
        model = partial(shmat, length=pages * PAGE, address=address, flags=flags)
        answer = self._both(model, SHMAT, number, address, flags)
        self._ask(f"{SHMCTL} {number} 0 0")  # IPC_RMID
        return answer

    def shmdt(self, address: int) -> int | str:
        """Detach in both."""
        return self._both(lambda mm: shmdt(mm, address), SHMDT, address)

    def remap_file_pages(self, address: int, length: int, pgoff: int) -> int | str:
        """Show other pages in both."""
        return self._both(
            lambda mm: remap_file_pages(mm, address, length, pgoff),
            REMAP_FILE_PAGES, address, length, 0, pgoff, 0,
        )  # fmt: skip

    def touch(self, address: int, *, write: bool) -> int | str:
        """Touch an address in both; -1 if that is a signal."""
        answer = self._ask(f"touch {address} {int(write)}")
        expected = 0 if fault(self.mm, address, write=write) else -1
        self._compare("touch", answer, expected)
        return answer

    def fork(self) -> None:
        """Go on in a child, with the copy of the model."""
        assert self._ask("fork") == 0
        self._parents.append(self.mm)
        self.mm = fork(self.mm)
        self._compare("fork", 0, 0)

    def exit(self) -> bool:
        """Go back to the parent, if there is one."""
        if not self._parents:
            return False
        assert self._ask("exit") == 0
        self.mm = self._parents.pop()
        self._compare("exit", 0, 0)
        return True

    # -- the kernel --------------------------------------------------------------------------

    def _ask(self, line: str) -> int:
        """Send a line and return the number that comes back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = int(self._process.stdout.readline())
        self.history.append(f"{line} -> {answer:#x}")
        return answer

    def _maps(self) -> None:
        """Ask for all mappings."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("maps\n")
        self._process.stdin.flush()
        self._shown = []
        for line in iter(self._process.stdout.readline, "end\n"):
            if match := HEADING.match(line):
                start, end, offset = (int(match[i], 16) for i in (1, 2, 3))
                self._shown.append((start, end, Vm.NONE, offset, match[4]))
            elif line.startswith("VmFlags:"):
                flags = Vm.NONE
                for word in line.split()[1:]:
                    flags |= FLAGS.get(word, Vm.NONE)
                self._shown[-1] = (*self._shown[-1][:2], flags, *self._shown[-1][3:])
        self._shown = [shown for shown in self._shown if shown[0] < USER_SPACE]

    def _begin(self) -> AddressSpace:
        """Return the model of the process as it is now: writable memory has been written to."""
        self._maps()
        mm = AddressSpace(topdown=self._topdown, limits=limits(), huge_pages=huge_pages())
        for start, end, flags, offset, name in self._shown:
            vma = Vma(start, end, flags, None, start // PAGE)
            if name in ("[vvar]", "[vvar_vclock]", "[vdso]"):
                vma.file = File(name, special=True)
                mm.mmap_base = end
                mm.legacy_base = start if name == "[vvar]" else mm.legacy_base
            elif name.startswith("/"):
                vma.file, vma.pgoff = File(name), offset // PAGE
            elif name == "[heap]":
                mm.start_brk = start
            if flags & Vm.WRITE:
                vma.anon, vma.chain = Anon(), 1
            mm.insert(vma)
        mm.brk = self._ask(f"{BRK} 0")
        return mm

    def _both(self, model: Callable[[AddressSpace], int | None], *words: int) -> int | str:
        """Make a call in both and compare; return the answer, or the name of the error."""
        answer: int | str = self._ask(" ".join(map(str, words)))
        if isinstance(answer, int) and -4096 < answer < 0:
            answer = errno.errorcode[-answer]
        expected: int | str
        try:
            expected = model(self.mm) or 0
        except Failed as failure:
            expected = failure.name
        self._compare(str(words), answer, expected)
        return answer

    def _compare(self, what: str, answer: int | str, expected: int | str) -> None:
        """Fail unless answers and mappings agree."""
        self._maps()
        kernel = {shown[:3] for shown in self._shown}
        model = {(vma.start, vma.end, vma.flags) for vma in self.mm.vmas}
        recent = "\n".join(self.history[-12:])
        assert answer == expected, f"{what}: kernel {answer}, model {expected}\n{recent}"
        assert self.mm.check() is None
        only_kernel, only_model = _shown(kernel - model), _shown(model - kernel)
        assert only_kernel == only_model, f"{what}\n{recent}"


def _shown(vmas: set[tuple[int, int, Vm]]) -> list[str]:
    """Return VMAs as text."""
    return [f"{start:#x}-{end:#x} {flags!r}" for start, end, flags in sorted(vmas)]


def limits() -> Limits:
    """Return the limits of a process here."""
    text = Path("/proc/meminfo").read_text()
    sizes = re.findall(r"^(?:MemTotal|SwapTotal): +(\d+) kB", text, re.MULTILINE)
    locked = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    privileged = os.geteuid() == 0 or locked == resource.RLIM_INFINITY
    return Limits(
        map_count=int(Path("/proc/sys/vm/max_map_count").read_text()),
        memory=sum(map(int, sizes)) * 1024,
        min_addr=int(Path("/proc/sys/vm/mmap_min_addr").read_text()),
        locked=INFINITY if privileged else locked,
    )


def huge_pages() -> str:
    """Return whether anonymous memory gets huge pages here: always, madvise or never."""
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    chosen = re.search(r"\[(\w+)\]", setting.read_text()) if setting.exists() else None
    return chosen[1] if chosen else "never"


def huge_file() -> dict[int, File]:
    """Open a file of huge pages, or skip the test. No huge page need exist: none is touched."""
    text = Path("/proc/meminfo").read_text()
    if not re.search(r"^Hugepagesize: +2048 kB", text, re.MULTILINE):
        pytest.skip("huge pages here are not of 2 MiB")
    try:
        memfd = os.memfd_create("huge", os.MFD_CLOEXEC | os.MFD_HUGETLB)
    except OSError as failure:
        pytest.skip(f"no file of huge pages: {failure.strerror}")
    os.truncate(memfd, DATA_BYTES)
    return {memfd: File("huge", hugetlb=True)}


def opened(folder: Path) -> dict[int, File]:
    """Open a memfd, /dev/zero and, thrice, a file of 16 MiB, if its file system is a known one."""
    data = folder / "data"
    with open(data, "wb") as file:
        file.truncate(DATA_BYTES)
    memfd = os.memfd_create("data")
    os.truncate(memfd, DATA_BYTES)
    files = {
        memfd: File("memfd", shmem=True),
        os.open("/dev/zero", os.O_RDWR): File("/dev/zero", zero=True),
    }
    command = ["stat", "-f", "-c", "%T", str(data)]
    kind = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    if kind in ("ext2/ext3", "xfs", "btrfs"):
        files[os.open(data, os.O_RDONLY)] = File(str(data), writable=False)
        files[os.open(data, os.O_RDWR)] = File(str(data))
        files[os.open(data, os.O_RDWR)] = File(str(data))
    return files
