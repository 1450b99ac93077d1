"""`stressd bench [--entries LIST] [--sections LIST] [--reps N] [--peer FOLDER] [--json]`.

For each size, section by section: the reference first, if there is one, then our own tree on a
fresh field, so that both see the same moment of the machine. Python containers come last.

Exit codes: 0; 1 if the tree gave a wrong answer while it was measured; 2 for a bad option.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from stressd.bench.containers import CONTAINERS, ENTRIES_MOST
from stressd.bench.figure import Figure, WrongAnswer
from stressd.bench.noise import Meter
from stressd.bench.options import ENTRIES_DEFAULT, Options, options
from stressd.bench.peer import Peer
from stressd.bench.report import print_report, size_name
from stressd.bench.results import Results
from stressd.bench.sections import SECTIONS, Effort, Section
from stressd.display.console import human_console
from stressd.verdict import Exit
from stressd_kernels.bench.field import Field

REPS_DEFAULT = 5

Say = Callable[[str], None]


def run(
    entries: str = ENTRIES_DEFAULT,
    sections: str | None = None,
    reps: int = REPS_DEFAULT,
    peer: Path | None = None,
    as_json: bool = False,
) -> int:
    """Measure what is asked for, print it on standard output, and return the exit code."""
    asked = options(entries, sections, tuple(SECTIONS), reps, peer)
    progress = Console(stderr=True, highlight=False)
    try:
        if progress.is_terminal:
            with progress.status("starting") as status:
                results = measure(asked, Effort(reps), status.update)
        else:
            results = measure(asked, Effort(reps), lambda _: None)
    except WrongAnswer as error:
        print(f"stressd bench: {error}", file=sys.stderr)
        return Exit.INVALID
    if as_json:
        print(json.dumps(results.as_json()))
    else:
        print_report(human_console(stderr=False), results)
    return Exit.VALID


def measure(asked: Options, effort: Effort, say: Say) -> Results:
    """Take all figures; `say` is told what is being measured."""
    results = Results(effort.reps)
    peer = Peer(asked.peer) if asked.peer else None
    for entries in asked.entries:
        for name in asked.sections:
            section = SECTIONS[name]
            if peer:
                say(f"{name} at {size_name(entries)} entries: {peer.implementation}")
                figures = peer.measure(section, entries, effort)
                results.add_peer(peer.implementation, figures)
            say(f"{name} at {size_name(entries)} entries")
            results.ours += measure_section(section, entries, effort)
    measure_containers(asked, effort, say, results)
    return results


def measure_section(section: Section, entries: int, effort: Effort) -> list[Figure]:
    """Return the figures of one section on a fresh field, with the noise of each."""
    field = Field(entries)
    meter = Meter()
    return [figure.beside(meter.lap()) for figure in section.measure(field, effort)]


def measure_containers(asked: Options, effort: Effort, say: Say, results: Results) -> None:
    """Measure the Python containers that are installed, at the sizes they can take."""
    sizes = [entries for entries in asked.entries if entries <= ENTRIES_MOST]
    for container in CONTAINERS:
        try:
            container.make()
        except ImportError:
            results.notes.append(
                f"{container.implementation}: not installed, skipped (pip install 'stressd[bench]')"
            )
            continue
        for entries in sizes:
            say(f"{container.implementation} at {size_name(entries)} entries")
            figures = list(container.measure(entries, effort))
            results.add_peer(container.implementation, figures)
