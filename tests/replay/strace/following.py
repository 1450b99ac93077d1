"""Follow logs, recorded or written line by line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stressd import resources
from stressd.replay.strace.follower import Follower
from stressd.replay.strace.starts import Snapshots
from stressd.traces import open_calls
from tests.mm.adapter import spec_model
from tests.traces.writing import recording

EXE = "/usr/bin/prog"
LOADER = "/lib64/ld-linux-x86-64.so.2"
TOP = 0x7F0000000000  # where searches end in the list below
BEGUN = (
    f"# snapshot pid=7 kind=exec t=1.0 exe={EXE} start_brk={0x555555600000} rlim_stack=8388608",
    f"555555554000-555555560000 rw-p 00000000 fe:00 1 {EXE}",
    "7effffff0000-7effffff2000 r-xp 00000000 00:00 0 [vdso]",
    f"7effffff2000-7f0000000000 r--p 00000000 fe:00 2 {LOADER}",
    "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]",
)
FREE = 0x7EFFFFFF0000  # the first mapping without an address ends here
EXEC = f'7 execve("{EXE}", ["prog"], 0x7ffe) = 0'
BRK = "7 brk(NULL) = 0x555555600000"
ANON = "MAP_PRIVATE|MAP_ANONYMOUS"


def mmap(
    result: int | str, length: int = 8192, tid: int = 7, flags: str = ANON, address: int = 0
) -> str:
    """Return a line that maps writable memory."""
    answer = result if isinstance(result, str) else f"{result:#x}"
    where = f"{address:#x}" if address else "NULL"
    return f"{tid} mmap({where}, {length}, PROT_READ|PROT_WRITE, {flags}, -1, 0) = {answer}"


def follow(log: Path | str, maps: Path | str | None = None) -> Follower:
    """Follow a log to its end."""
    snapshots = Snapshots(None if maps is None else str(maps))
    follower = Follower(open_calls(str(log)), snapshots, spec_model)
    follower.run()
    return follower


def written(folder: Path, *lines: str, maps: Sequence[str] = BEGUN) -> Follower:
    """Follow a log of these lines, whose first process has begun as the list says."""
    log = recording(folder, *lines, name="made.strace")
    beside = recording(folder, *maps, name="made.maps") if maps else None
    return follow(log, beside)


def paths_of(name: str) -> tuple[Path, Path]:
    """Return the log and the lists of mappings of a recording that comes with stressd."""
    folder = Path(resources.recording("ls")).parent
    return folder / f"{name}.strace.gz", folder / f"{name}.maps.gz"
