"""The last thing a run prints: what was proved, what was done, where the rest is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.text import Text

from stressd.display import units
from stressd.display.lines import LABEL_WIDTH, labelled, trace_text
from stressd.display.table import operations_table
from stressd.evidence import Sample, SpacesSample, TraceSample
from stressd.outcome import Outcome, judged
from stressd.verdict import EXIT_MEANINGS, Opinion, Verdict

COLOURS = {Verdict.VALID: "green", Verdict.UNKNOWN: "yellow", Verdict.INVALID: "red"}
FINDINGS_SHOWN = 5
# oracles that look from outside, and count otherwise
CHECKS = ("structure", "address-spaces", "accounting")
MONOTONIC = "monotonic"  # the clock that is read where the time stamp cannot be trusted
NO_REPLAY = "repeats the workload; the timing of native threads does not replay"

Line = tuple[str, Text]


def headline(outcome: Outcome) -> Text:
    """Return the verdict and what its exit code means."""
    colour = COLOURS[outcome.verdict]
    code = outcome.exit_code
    return Text.assemble(
        (f" {outcome.verdict.name} ", f"bold reverse {colour}"),
        f"  {EXIT_MEANINGS.get(code, code.name.lower())} ",
        (f"(exit code {int(code)})", "dim"),
    )


def judged_text(outcome: Outcome) -> str:
    """Return how many answers each oracle of the workers graded, and how."""
    parts = []
    for oracle, grades in judged(outcome.sample).items():
        seen = [f"{units.count(n)} {grade}" for grade, n in grades.items() if n]
        if seen and oracle not in CHECKS:
            parts.append(f"{oracle} {', '.join(seen)}")
    return " · ".join(parts) or "nothing"


def memory_text(outcome: Outcome) -> str:
    """Return what became of the nodes."""
    assert outcome.sample is not None
    arena = outcome.sample.arena
    return (
        f"{units.size(arena.used_bytes)} of {units.size(arena.capacity_bytes)} in nodes;"
        f" {units.count(arena.retired_total)} retired, {units.count(arena.freed_total)} reclaimed"
    )


def spaces_text(spaces: SpacesSample) -> str:
    """Return what became of the address spaces."""
    text = f"{spaces.alive} of {spaces.at_most} address spaces, {spaces.vmas:,} mappings at the end"
    if spaces.recorded:
        return text
    merged = units.count(sum(spaces.merges))
    return (
        f"{text};"
        f" {units.count(spaces.splits)} splits, {merged} merges in"
        f" {sum(map(bool, spaces.merges))} of {len(spaces.merges)} cases,"
        f" {units.count(spaces.grown)} stacks grown"
    )


def timed_text(sample: Sample) -> str:
    """Return which clock the latencies were taken with, "" if nothing was timed."""
    if sample.clock == MONOTONIC:
        return "with the monotonic clock, as the time stamp is not to be trusted"
    return f"with the time stamp of the processor ({sample.clock})" if sample.clock else ""


def trace_lines(trace: TraceSample) -> Iterator[Line]:
    """Yield what was written, and what should be known of it."""
    yield "trace", Text(trace_text(trace))
    if trace.ended:
        yield "", Text(trace.ended, "yellow")


def reasons(outcome: Outcome) -> Iterator[Line]:
    """Yield why the verdict is not VALID, and what was found."""
    for opinion in outcome.opinions:
        if opinion.verdict is not Verdict.VALID:
            said = f"{opinion.oracle}: {opinion.message}"
            yield "because", Text(said, COLOURS[opinion.verdict])
    shown = [finding for finding in outcome.findings if finding.grade == "forbidden"]
    for finding in shown[:FINDINGS_SHOWN]:
        yield "finding", Text(f"{finding.oracle}: {finding.message}")
    more = len(shown) - FINDINGS_SHOWN + outcome.findings_dropped
    if more > 0:
        yield "", Text(f"and {more:,} more in findings.jsonl", "dim")


def checks_ok(opinion: Opinion) -> bool:
    """Whether this is about a check from outside the workers, and there is no more to say."""
    return opinion.oracle in CHECKS and opinion.verdict is Verdict.VALID and opinion.message != ""


def facts(outcome: Outcome) -> Iterator[Line]:
    """Yield what was done."""
    ran = f"{units.stretch(outcome.duration_s)} of {units.stretch(outcome.planned_s)}"
    yield "ran", Text(f"{ran}, {outcome.ending.message}" if outcome.ending.planned else ran)
    if outcome.sample is not None:
        yield from (("timed", Text(text)) for text in filter(None, [timed_text(outcome.sample)]))
        yield "judged", Text(judged_text(outcome))
        yield from (("checked", Text(o.message)) for o in outcome.opinions if checks_ok(o))
        if outcome.sample.spaces:
            yield "spaces", Text(spaces_text(outcome.sample.spaces))
        yield "memory", Text(memory_text(outcome))
        if outcome.sample.trace is not None:
            yield from trace_lines(outcome.sample.trace)
    for opinion in outcome.opinions:
        for note in opinion.notes:
            yield "note", Text(note, "dim")


def tail(outcome: Outcome) -> Iterator[Text]:
    """Yield where the rest is, and how to run it again; that line stands last, to be pasted."""
    yield labelled("run", str(outcome.run_dir))
    if outcome.verdict is not Verdict.VALID:
        yield labelled("repeat", NO_REPLAY, "dim")
        yield Text(f"  {outcome.repeat}", "bold")


def wrapped(found: Iterable[Line], width: int) -> Iterator[Text]:
    """Yield labelled lines; what is too long goes on below its beginning."""
    indent = " " * LABEL_WIDTH
    for label, said in found:
        pieces = textwrap.wrap(said.plain, width - LABEL_WIDTH, break_long_words=False)
        yield labelled(label, f"\n{indent}".join(pieces), str(said.style))


def parts(outcome: Outcome, width: int, quiet: bool) -> Iterator[RenderableType]:
    """Yield the whole summary, or the verdict and its reasons alone."""
    if not quiet:
        yield Rule(style="dim")
    yield headline(outcome)
    yield from wrapped(reasons(outcome), width)
    if not quiet:
        if outcome.sample is not None and outcome.duration_s > 0:
            yield Text()
            yield operations_table(outcome.sample.ops, outcome.duration_s, width)
            yield Text()
        yield from wrapped(facts(outcome), width)
    yield from tail(outcome)


def print_closing(console: Console, outcome: Outcome, quiet: bool = False) -> None:
    """Print the summary; paths and commands stay on one line, however long."""
    for part in parts(outcome, console.width, quiet):
        console.print(part, soft_wrap=isinstance(part, Text), highlight=False)
