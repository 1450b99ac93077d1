"""Explore every scenario in every memory, and every mutant: `make model`.

    STRESSD_BUILD=model python -m tests.model [--short] [--json FILE] [--only NAME ...]

Prints one line for each scenario and memory, and what went wrong, if anything did; then the exit
code is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from stressd_kernels.builds import MODEL
from tests.model.explore import Report, explore_all, explore_random, explore_script, replaced
from tests.model.mutants import MUTANTS
from tests.model.scenario import Scenario
from tests.model.scenarios import SCENARIOS

RANDOM, SHORT_RANDOM = 20_000, 150  # schedules of each scenario in each memory
MOST, SHORT_MOST = 20_000, 200  # of the exhaustive search; it says if that was too few
CHUNK = 2_500  # schedules that one process runs at a time
HEAD = (
    "scenario  memory  random schedules      steps  cpu s   exhaustive (<= preemptions)"
    "       cpu s   wrong variants caught"
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@cache
def made(name: str, tiny: bool) -> Scenario:
    """Return the scenario, prepared once in each process."""
    return BY_NAME[name](tiny)


def random_part(name: str, memory: str, begin: int, end: int) -> Report:
    """Run some of the random schedules of one scenario."""
    return explore_random(made(name, False), memory, range(begin, end))


def exhaustive_part(name: str, memory: str, most: int) -> Report:
    """Run all schedules of the tiny form of one scenario."""
    return explore_all(made(name, True), memory, most)


def mutant_part(place: int) -> tuple[str | None, Report]:
    """Return what is wrong with how the script tells one mutant from the right protocol."""
    mutant = MUTANTS[place]
    scenario = made(mutant.scenario.name, False)
    right = explore_script(scenario, mutant.memory, mutant.script)
    with replaced(mutant.replaces):
        wrong = explore_script(scenario, mutant.memory, mutant.script, mutant.weakened)
    if right.failure:
        return f"the right protocol fails: {right.failure}", right
    if not wrong.failure:
        return "is not caught by its script", right
    if not re.search(mutant.finds, wrong.failure):
        return f"is caught by something else: {wrong.failure}", right
    return None, right


def together(reports: list[Report]) -> Report:
    """Add up the parts of one exploration."""
    whole = Report()
    for report in reports:
        whole.schedules += report.schedules
        whole.steps += report.steps
        whole.seconds += report.seconds
        whole.labels |= report.labels
        whole.failure = whole.failure or report.failure
        whole.complete &= report.complete
    return whole


def line_of(name: str, memory: str, random: Report, every: Report, caught: str) -> str:
    """Return one line of the table."""
    found = "all" if every.complete else "cut"
    bound = f"{every.schedules:,} {found} (<= {BY_NAME[name].preemptions})"
    return (
        f"{name:<9} {memory:<6} {random.schedules:>17,} {random.steps:>10,} {random.seconds:>6.1f}"
        f"   {bound:<31} {every.seconds:>7.1f}   {caught}"
    )


def explore(short: bool, only: list[str], jobs: int) -> dict[str, Any]:
    """Explore everything, print the table as it comes, and return what was found."""
    count, most = (SHORT_RANDOM, SHORT_MOST) if short else (RANDOM, MOST)
    rows = [(s.name, m) for s in SCENARIOS if s.name in only for m in s.memories]
    found: dict[str, Any] = {"scenarios": {}, "mutants": {}, "labels": set()}
    with ProcessPoolExecutor(jobs) as pool:
        mutants = [
            (n, mutant, pool.submit(mutant_part, n))
            for n, mutant in enumerate(MUTANTS)
            if mutant.scenario.name in only
        ]
        randoms: dict[Any, list[Future[Report]]] = {}
        every = {}
        for row in rows:
            every[row] = pool.submit(exhaustive_part, *row, most)
            randoms[row] = [
                pool.submit(random_part, *row, begin, min(begin + CHUNK, count))
                for begin in range(0, count, CHUNK)
            ]
        caught: dict[Any, list[bool]] = {row: [] for row in rows}
        for _, mutant, future in mutants:
            trouble, report = future.result()
            found["mutants"][mutant.name] = trouble
            found["labels"] |= report.labels
            caught.setdefault((mutant.scenario.name, mutant.memory), []).append(trouble is None)
        print(HEAD, flush=True)
        for row in rows:
            random = together([future.result() for future in randoms[row]])
            whole = every[row].result()
            mine = caught[row]
            text = f"{sum(mine)} of {len(mine)}" if mine else "-"
            print(line_of(*row, random, whole, text), flush=True)
            found["scenarios"]["-".join(row)] = {"random": asdict(random), "all": asdict(whole)}
            found["labels"] |= random.labels | whole.labels
    return found


def main() -> int:
    """Run the command line; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(
        "python -m tests.model",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=sorted(BY_NAME),
        metavar="NAME",
        help=f"some scenarios: {', '.join(BY_NAME)}",
    )
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    parser.add_argument("--json", type=Path, help="where to write what was found")
    options = parser.parse_args()
    if not MODEL:
        parser.error("the kernels are not those of the model: set STRESSD_BUILD=model")
    begun = time.monotonic()
    found = explore(options.short, options.only or list(BY_NAME), options.jobs)
    troubles = {name: trouble for name, trouble in found["mutants"].items() if trouble}
    for name, reports in found["scenarios"].items():
        for kind, report in reports.items():
            if report["failure"]:
                troubles[f"{name}, {kind}"] = report["failure"]
    right = len(found["mutants"]) - sum(map(bool, found["mutants"].values()))
    print(f"{right} of {len(found['mutants'])} wrong variants caught by their scripts", end="; ")
    print(f"{time.monotonic() - begun:.0f} s in {options.jobs} processes")
    print(f"random schedules are those of PCT for defects of depth {Scenario.depth}")
    for name, trouble in troubles.items():
        print(f"\n{name}: {trouble}", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(found, default=sorted), encoding="utf-8")
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
