"""Write recordings for tests, line by line, as the kernel prints them."""

from __future__ import annotations

from pathlib import Path

from stressd.traces.calls import CallLog, Record
from stressd.traces.events import Event
from stressd.traces.strace import StraceLog
from stressd.traces.textfile import TextFile

MMAP = "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)"
GOOD = f"{MMAP} = 0x7f5f3e373000"  # a line of strace as any other
PREFIX = "    test-{tid}    (  {pid:>5}) {line}.000001: {name}: "


def store(mm: int, vma: int, first: int, last: int) -> str:
    """Return the event of a STORE."""
    return f"mt_mod {mm:016x}, ({vma:016x}), STORE, {first}, {last},"


def erase(mm: int, first: int, last: int) -> str:
    """Return the event of an SNULL."""
    return f"mt_mod {mm:016x}, (NULL), SNULL, {first}, {last},"


def destroy(mm: int) -> str:
    """Return the event of a DESTROY."""
    return f"mt_mod {mm:016x}, DESTROY"


def search(
    mm: int,
    address: int,
    *,
    length: int,
    low: int,
    high: int,
    mask: int = 0,
    offset: int = 0,
    topdown: bool = True,
    error: int = 0,
) -> str:
    """Return the event of a gap search."""
    return (
        f"addr={address:#x} err={error} total_vm=0x43 flags={int(topdown):#x} len={length:#x} "
        f"lo={low:#x} hi={high:#x} mask={mask:#x} ofs={offset:#x} mm={mm:016x}"
    )


def by(pid: int, event: str, tid: int | None = None) -> str:
    """Return a whole line: the event, made by a thread of process `pid`."""
    name = "vm_unmapped_area" if event.startswith("addr=") else "vma_mt_store"
    return PREFIX.format(tid=tid or pid, pid=pid, line=1, name=name) + event


def recording(folder: Path, *lines: str, name: str = "made.trace") -> str:
    """Write lines into a file and return its path."""
    path = folder / name
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return str(path)


def read(path: str) -> list[Event]:
    """Return all events of a recording."""
    from stressd.traces import open_recording

    return list(open_recording(path))


def log_of(folder: Path, *lines: str) -> tuple[list[Record], CallLog]:
    """Return the records of a file, and what was counted while reading them."""
    log = StraceLog(TextFile(recording(folder, *lines, name="made.strace")))
    return list(log), log
