"""Runs on address spaces from first to last: a verdict, and evidence when something was wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stressd.config.model import Config
from stressd.display import Quiet
from stressd.engine import Engine
from stressd.outcome import Outcome, brief
from stressd.run.session import run_session
from stressd.verdict import Cause, Verdict
from stressd_kernels.layout import FAULT
from stressd_kernels.mm.odd import Odd
from tests.engine.build import arena_of, config_of
from tests.session.conftest import job_for

SOURCE = "source: {kind: address-spaces, spaces: 3, vmas: 40}"
MIX = "mmap: 20, munmap: 8, mprotect: 4, madvise: 4, mlock: 4, mremap: 4, brk: 4, fault: 10"
CHANGE = f"{{name: change, threads: 2, mix: {{{MIX}, fork: 1, exec: 0.5, exit: 0.5}}}}"
READ = "{name: read, mix: {load: 1, find_vma: 2, count_pages: 1, unmapped_area: 1}}"
MORE = """run: {duration: 1m, operations: 20000, sample: 100ms}
tree: {arena: 64MiB}
checks: {structure_every: 200ms}
metrics: {enabled: false}
output: {runs: %s}"""


class Faulty(Engine):
    """An engine that does what the original did."""

    def __init__(self, config: Config, fault: int) -> None:
        super().__init__(config)
        self._fault = fault

    def load(self) -> None:
        """Switch the fault on when everything is built."""
        super().load()
        arena_of(self).words[FAULT] = self._fault


def outcome_of(folder: Path, fault: int = 0) -> Outcome:
    """Run twenty thousand operations, or until something is found."""
    config = config_of(SOURCE, CHANGE, READ, more=MORE % folder)
    return run_session(job_for(config), lambda: Faulty(config, fault), Quiet())


def test_a_run_on_address_spaces_is_valid(tmp_path: Path) -> None:
    """All oracles have seen something, and nothing was wrong; the summary holds the counts."""
    outcome = outcome_of(tmp_path)
    assert [one for one in outcome.opinions if one.verdict is not Verdict.VALID] == []
    assert outcome.ending.cause is Cause.DEADLINE
    judged = brief(outcome)["judged"]
    assert all(judged[name]["ok"] for name in ("values", "order", "gaps", "address-spaces"))
    kept = json.loads((outcome.run_dir / "summary.json").read_text(encoding="utf-8"))
    assert kept["spaces"]["validations"] > kept["spaces"]["calls"] > 1000
    assert sum(kept["spaces"]["merges"]) > 0


@pytest.mark.parametrize("fault", [Odd.HALF_SPLIT, Odd.FORK_SHARES, Odd.ODD_6])
def test_a_fault_of_the_original_ends_a_run(tmp_path: Path, fault: Odd) -> None:
    """INVALID, with the dumps of all structures in the run folder."""
    outcome = outcome_of(tmp_path, int(fault))
    assert outcome.verdict is Verdict.INVALID
    lines = (outcome.run_dir / "findings.jsonl").read_text(encoding="utf-8").splitlines()
    found = [one for one in map(json.loads, lines) if one["oracle"] == "address-spaces"]
    assert found
    report = "\n".join(found[0]["details"]["report"])
    assert found[0]["details"]["code"] in report
    assert report.count("\n") > 10
