"""The end of a run: the oracles are asked, and everything is written down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stressd.oracles import ORACLES
from stressd.outcome import Outcome, full
from stressd.run.board import Board
from stressd.run.job import Job
from stressd.run.runfolder import RunFolder, RunFolderError
from stressd.verdict import Cause, Ending, Verdict, exit_code, judge


def conclude(job: Job, board: Board, run_dir: Path, now: float, abandoned: bool) -> Outcome:
    """Ask the oracles, and put together what is left of the run."""
    ending = board.ending or Ending(Cause.CRASHED, "no reason was noted")
    config = job.config
    evidence = board.evidence(job.mixes, config.checks.values, ending, config.run.build)
    verdict, opinions = judge(ORACLES, evidence)
    return Outcome(
        verdict=verdict,
        exit_code=exit_code(verdict, ending.cause),
        ending=ending,
        opinions=opinions,
        sample=board.sample,
        findings=tuple(board.findings),
        findings_dropped=board.findings_dropped,
        duration_s=board.worked_s(now),
        planned_s=board.duration_s,
        run_dir=run_dir,
        repeat=job.repeat,
        facts={**job.facts(), "source": board.source},
        compiled=tuple(board.compiled),
        abandoned=abandoned,
    )


def keep(outcome: Outcome, folder: RunFolder) -> Outcome:
    """Write the outcome down and make the folder whole; if that fails, the outcome says so."""
    try:
        folder.finish(full(outcome))
    except RunFolderError as failure:
        verdict = max(outcome.verdict, Verdict.UNKNOWN)
        return replace(
            outcome,
            verdict=verdict,
            exit_code=exit_code(verdict, Cause.DISK),
            ending=Ending(Cause.DISK, str(failure)),
            run_dir=folder.path,
        )
    return outcome
