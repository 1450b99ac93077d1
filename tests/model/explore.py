"""Run a scenario under many schedules: at random, by a script, or all of them up to a bound."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stressd_kernels.model.exhaustive import Exhaustive
from stressd_kernels.model.machine import Abandoned, Chooser, Failure, Machine
from stressd_kernels.model.pct import Pct
from stressd_kernels.model.script import Script
from tests.model.scenario import Scenario

FIRST_LENGTH = 60  # steps that the first random schedule is taken to have


@dataclass
class Report:
    """What an exploration has done."""

    schedules: int = 0
    steps: int = 0
    seconds: float = 0.0
    complete: bool = True
    labels: set[str] = field(default_factory=set)
    failure: str | None = None


def run(
    scenario: Scenario, memory: str, chooser: Chooser, dropped: Collection[str] = ()
) -> Machine:
    """Run one schedule; raises Failure or Abandoned."""
    scenario.restart()
    machine = Machine(
        scenario.words,
        memory,
        scenario.actors(),
        chooser,
        shared=scenario.shared,
        dropped=dropped,
    )
    machine.run()
    try:
        with np.errstate(over="ignore"):
            scenario.finish()
    except AssertionError as error:
        raise machine.failure(f"at the end: {error}") from error
    return machine


@contextlib.contextmanager
def reported(report: Report) -> Iterator[None]:
    """Put time and failure of an exploration into its report."""
    begun = time.process_time()
    try:
        yield
    except Failure as failure:
        report.failure = str(failure)
    report.seconds = time.process_time() - begun


def explore_random(
    scenario: Scenario, memory: str, seeds: range, dropped: Collection[str] = ()
) -> Report:
    """Run one PCT schedule for each seed."""
    report = Report()
    length = FIRST_LENGTH
    with reported(report):
        for seed in seeds:
            report.schedules += 1
            try:
                machine = run(scenario, memory, Pct(seed, scenario.depth, length), dropped)
            except Failure as failure:
                raise Failure(f"{failure}\n    seed {seed}, length {length}") from failure
            length = max(length, len(machine.moves))
            report.steps += machine.steps
            report.labels |= machine.labels
    return report


def explore_script(
    scenario: Scenario, memory: str, text: str, dropped: Collection[str] = ()
) -> Report:
    """Run the one schedule of a script."""
    report = Report(schedules=1)
    with reported(report):
        chooser = Script(text)
        machine = run(scenario, memory, chooser, dropped)
        chooser.check_finished()
        report.steps = machine.steps
        report.labels = machine.labels
    return report


def explore_all(
    scenario: Scenario, memory: str, most: int, dropped: Collection[str] = ()
) -> Report:
    """Run all schedules with few preemptions, but not more than `most`."""
    report = Report()
    chooser = Exhaustive(scenario.preemptions)
    with reported(report):
        while chooser.again():
            if report.schedules == most:
                report.complete = False
                break
            report.schedules += 1
            with contextlib.suppress(Abandoned):
                machine = run(scenario, memory, chooser, dropped)
                report.steps += machine.steps
                report.labels |= machine.labels
    return report


@contextlib.contextmanager
def replaced(kernels: dict[Callable[..., Any], Callable[..., Any]]) -> Iterator[None]:
    """Put other functions in the place of kernels, in every module that has imported them."""
    places = [
        (module, name, value)
        for module in list(sys.modules.values())
        if module.__name__.startswith(("stressd_kernels.", "tests.model.scenarios."))
        for name, value in list(vars(module).items())
        if callable(value) and any(value is kernel for kernel in kernels)
    ]
    try:
        for module, name, value in places:
            setattr(module, name, kernels[value])
        yield
    finally:
        for module, name, value in places:
            setattr(module, name, value)
