"""What no single field can know: rules between keys, and what this machine must have.

A rule is a function from a configuration to troubles, each with the path of the key that the
user would change. A new rule is one function and its name in RULES.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import NamedTuple

from stressd import limits, resources
from stressd.config.document import Path
from stressd.config.model import AddressSpaces, Config, Maps, Recording, Synthetic
from stressd.config.units import Size
from stressd_kernels.ops.catalog import OPS

SPACES = "address-spaces"
_OPS = {op.name: op for op in OPS}


class Trouble(NamedTuple):
    """One rule broken."""

    path: Path
    message: str
    at_key: bool = False  # the key itself is at fault, not its value


Rule = Callable[[Config], Iterator[Trouble]]


def operations_fit(config: Config) -> Iterator[Trouble]:
    """Every operation has the source and the tree that it needs."""
    for n, worker in enumerate(config.workers):
        for name in worker.mix:
            path = ("workers", n, "mix", name)
            if config.source.kind not in _OPS[name].sources:
                needed = " or ".join(_OPS[name].sources)
                given = f"this one is {config.source.kind}"
                yield Trouble(path, f"needs a source of kind {needed}; {given}", at_key=True)
            if _OPS[name].needs_gaps and not config.tree.gaps:
                yield Trouble(path, "needs tree.gaps to be true", at_key=True)


def names_differ(config: Config) -> Iterator[Trouble]:
    """Two workloads of one name would be one line in every table."""
    first: dict[str, int] = {}
    for n, worker in enumerate(config.workers):
        if worker.name in first:
            taken = f"is already the name of workers[{first[worker.name]}]"
            yield Trouble(("workers", n, "name"), taken)
        first.setdefault(worker.name, n)


def threads_have_slots(config: Config) -> Iterator[Trouble]:
    """Each thread takes one slot of the arena."""
    total = 0
    for n, worker in enumerate(config.workers):
        before, total = total, total + worker.threads
        if before <= limits.THREADS_TOTAL_MAX < total:
            most = f"all workers together can have at most {limits.THREADS_TOTAL_MAX}"
            yield Trouble(("workers", n, "threads"), f"makes {total} threads; {most}")


def series_are_few(config: Config) -> Iterator[Trouble]:
    """Every operation of every workload costs a histogram of metrics."""
    series = 0
    for n, worker in enumerate(config.workers):
        before, series = series, series + len(worker.mix) * limits.OP_SERIES
        if before <= limits.SERIES_MAX < series:
            most = f"the most is {limits.SERIES_MAX}"
            yield Trouble(
                ("workers", n, "mix"), f"makes {series} metric series; {most}", at_key=True
            )


def cells_fit_keys(config: Config) -> Iterator[Trouble]:
    """The cells lie side by side in the key space."""
    source = config.source
    if isinstance(source, Synthetic) and source.entries * source.cell.bytes > limits.KEY_SPACE:
        largest = 1 << (limits.KEY_SPACE // source.entries).bit_length() - 1
        message = (
            f"is too much for {source.entries} entries in 2^64 keys; at most {Size.of(largest)}"
        )
        yield Trouble(("source", "cell"), message)


def spaces_can_be(config: Config) -> Iterator[Trouble]:
    """Address spaces search for gaps, some exist at the start, and something can be drawn."""
    source = config.source
    if not isinstance(source, AddressSpaces):
        return
    if not config.tree.gaps:
        yield Trouble(("tree", "gaps"), "must be true: address spaces search for free ranges")
    if source.at_start is not None and source.at_start > source.spaces:
        yield Trouble(("source", "at_start"), f"must be <= source.spaces, {source.spaces}")
    if source.vmas >= source.limits.map_count:
        yield Trouble(("source", "vmas"), f"must be below map_count, {source.limits.map_count}")
    for section in ("mappings", "places", "lengths"):
        if not sum(getattr(source, section).model_dump().values()):
            yield Trouble(("source", section), "needs one weight above 0", at_key=True)


def slices_fit_run(config: Config) -> Iterator[Trouble]:
    """A run consists of slices."""
    run = config.run
    if run.slice >= run.duration:
        yield Trouble(("run", "duration"), f"must be longer than run.slice, {run.slice}")


def maps_say_whose(config: Config) -> Iterator[Trouble]:
    """Mappings are those of one process or of one file."""
    source = config.source
    if isinstance(source, Maps) and source.pid is None and source.file is None:
        yield Trouble(("source",), "needs pid or file", at_key=True)
    if isinstance(source, Maps) and source.pid is not None and source.file is not None:
        yield Trouble(("source", "file"), "cannot stand beside pid; keep one of them", at_key=True)


def process_is_readable(config: Config) -> Iterator[Trouble]:
    """The process is there, is ours, and has mappings."""
    source = config.source
    if not isinstance(source, Maps) or source.pid is None:
        return
    path = ("source", "pid")
    try:
        if not read_maps(source.pid):
            yield Trouble(path, "has no mappings: a kernel thread, or a process that has ended")
    except (FileNotFoundError, ProcessLookupError):
        yield Trouble(path, "there is no such process")
    except PermissionError:
        yield Trouble(path, "is not ours: its mappings cannot be read")
    except OSError as failure:
        yield Trouble(path, f"its mappings cannot be read: {failure.strerror}")


def read_maps(pid: int | str) -> bytes:
    """The beginning of a process's mappings."""
    with open(f"/proc/{pid}/maps", "rb") as maps:
        return maps.read(1)


def inputs_are_readable(config: Config) -> Iterator[Trouble]:
    """Files named as sources can be opened."""
    source = config.source
    if isinstance(source, Maps) and source.file is not None and (why := _unreadable(source.file)):
        yield Trouble(("source", "file"), why)
    if not isinstance(source, Recording):
        return
    shipped = resources.recordings()
    for n, file in enumerate(source.files):
        if file not in shipped and (why := _unreadable(FilePath(file))):
            names = f"; shipped are {', '.join(sorted(shipped))}" if shipped else ""
            yield Trouble(("source", "files", n), why + names)


def output_is_folder(config: Config) -> Iterator[Trouble]:
    """Run folders can be made, now or when the parent is made."""
    runs = config.output.runs
    nearest = next((folder for folder in (runs, *runs.absolute().parents) if folder.exists()), runs)
    if not nearest.is_dir():
        yield Trouble(("output", "runs"), f"{nearest} is not a folder")
    elif not os.access(nearest, os.W_OK | os.X_OK):
        yield Trouble(("output", "runs"), f"{nearest} cannot be written to")


def traces_have_spaces(config: Config) -> Iterator[Trouble]:
    """Only what address spaces do is traced."""
    source = config.source
    in_spaces = isinstance(source, Recording) and source.stage is not None
    if config.output.trace is not None and not in_spaces and source.kind != SPACES:
        needed = f"needs a source of kind {SPACES}, or recording with a stage"
        yield Trouble(("output", "trace"), f"{needed}; this one is {source.kind}")


def _unreadable(file: FilePath) -> str:
    """Why a file cannot be read; nothing if it can."""
    try:
        with file.open("rb") as stream:
            stream.read(1)
    except (OSError, ValueError) as failure:
        return f"{file} cannot be read: {getattr(failure, 'strerror', None) or failure}"
    return ""


RULES: tuple[Rule, ...] = (
    operations_fit,
    names_differ,
    threads_have_slots,
    series_are_few,
    cells_fit_keys,
    spaces_can_be,
    slices_fit_run,
    maps_say_whose,
    process_is_readable,
    inputs_are_readable,
    output_is_folder,
    traces_have_spaces,
)


def check(config: Config) -> Iterator[Trouble]:
    """Ask every rule."""
    return (trouble for rule in RULES for trouble in rule(config))
