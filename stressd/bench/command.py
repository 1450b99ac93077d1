"""`stressd bench [--entries LIST] [--sections LIST] [--reps N] [--turns N] [--peer FOLDER]`.

For each size, section by section: the references first, if there are any, then our own tree on
a fresh field, so that all see the same moment of the machine; as many turns of that as are asked
for, where moments differ. What needs no tree comes next, Python containers last.

Exit codes: 0; 1 if the tree gave a wrong answer while it was measured; 2 for a bad option.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from stressd.bench.containers import CONTAINERS, ENTRIES_MOST
from stressd.bench.figure import Figure, WrongAnswer, together
from stressd.bench.judgement import rows
from stressd.bench.noise import Meter
from stressd.bench.options import CHURN_DEFAULT, ENTRIES_DEFAULT, Options, options
from stressd.bench.peer import PROGRAMS, Peer
from stressd.bench.report import print_report, size_name
from stressd.bench.results import Results
from stressd.bench.sections import APART, SECTIONS, Effort, Section
from stressd.display.console import human_console
from stressd.verdict import Exit
from stressd_kernels.bench.field import Field

REPS_DEFAULT = 5
IN_PYTHON = "python"  # the section of the Python containers

Say = Callable[[str], None]


def run(
    entries: str = ENTRIES_DEFAULT,
    sections: str | None = None,
    reps: int = REPS_DEFAULT,
    peer: Path | None = None,
    as_json: bool = False,
    churn: str = CHURN_DEFAULT,
    turns: int = 1,
) -> int:
    """Measure what is asked for, print it on standard output, and return the exit code."""
    asked = options(entries, sections, known_sections(), reps, peer, churn, turns)
    effort = Effort(reps, churn_s=asked.churn_s)
    progress = Console(stderr=True, highlight=False)
    try:
        if progress.is_terminal:
            with progress.status("starting") as status:
                results = measure(asked, effort, status.update)
        else:
            results = measure(asked, effort, lambda _: None)
    except WrongAnswer as error:
        print(f"stressd bench: {error}", file=sys.stderr)
        return Exit.INVALID
    if as_json:
        print(json.dumps(results.as_json(row.as_json() for row in rows(results))))
    else:
        print_report(human_console(stderr=False), results)
    return Exit.VALID


def known_sections() -> dict[str, bool]:
    """Return the names of all sections, and whether each is measured if none is named."""
    sized = {name: section.by_default for name, section in SECTIONS.items()}
    apart = {name: section.by_default for name, section in APART.items()}
    return sized | apart | {IN_PYTHON: True}


def measure(asked: Options, effort: Effort, say: Say) -> Results:
    """Take all figures; `say` is told what is being measured."""
    results = Results(effort.reps, asked.turns)
    peers = peers_in(asked.peer, results) if asked.peer else []
    sized = [SECTIONS[name] for name in asked.sections if name in SECTIONS]
    for entries in asked.entries:
        for section in sized:
            ours, theirs = by_turns(section, entries, effort, peers, asked.turns, say)
            results.ours += ours
            for peer, figures in theirs.items():
                if figures:
                    results.add_peer(peer.implementation, figures, peer.role)
    for name in asked.sections:
        if name in APART:
            say(name)
            results.ours += with_noise(APART[name].measure(effort))
    if IN_PYTHON in asked.sections:
        measure_containers(asked, effort, say, results)
    return results


def by_turns(
    section: Section, entries: int, effort: Effort, peers: Sequence[Peer], turns: int, say: Say
) -> tuple[list[Figure], Mapping[Peer, list[Figure]]]:
    """Measure the references and our tree one after the other, so often; return ours and theirs."""
    ours, theirs = [], defaultdict[Peer, list[list[Figure]]](list)
    what = f"{section.name} at {size_name(entries)} entries"
    for turn in range(turns):
        for peer in peers:
            say(f"{what}: {peer.implementation}")
            theirs[peer].append(peer.measure(section, entries, effort, turn))
        say(what)
        ours.append(measure_section(section, entries, effort))
    return merged(ours), {peer: merged(measured) for peer, measured in theirs.items()}


def merged(turns: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Return the figures of a section that was measured by turns."""
    return [together(figures) for figures in zip(*turns, strict=True)]


def peers_in(folder: Path, results: Results) -> list[Peer]:
    """Return the references that were built in a folder; a note for one that was not."""
    found = []
    for role in PROGRAMS:
        peer = Peer(role, folder)
        if os.access(peer.path, os.X_OK):
            found.append(peer)
        else:
            results.notes.append(f"{role}: there is no {peer.path.name} in {folder}, left out")
    return found


def measure_section(section: Section, entries: int, effort: Effort) -> list[Figure]:
    """Return the figures of one section on a fresh field, with the noise of each."""
    return with_noise(section.measure(Field(entries), effort))


def with_noise(figures: Iterable[Figure]) -> list[Figure]:
    """Return figures as they are taken, each with what others used of the machine meanwhile."""
    meter = Meter()
    return [figure.beside(meter.lap()) for figure in figures]


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
