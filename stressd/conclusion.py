"""The end of a run: the oracles are asked, and everything is written down."""

from __future__ import annotations

from dataclasses import replace

from stressd.board import Board
from stressd.job import Job
from stressd.oracles import ORACLES
from stressd.outcome import Outcome, full
from stressd.runfolder import RunFolder, RunFolderError
from stressd.verdict import Cause, Ending, Verdict, exit_code, judge


def conclude(job: Job, board: Board, folder: RunFolder, now: float, abandoned: bool) -> Outcome:
    """Ask the oracles, write the summary, and make the folder whole."""
    ending = board.ending or Ending(Cause.CRASHED, "no reason was noted")
    evidence = board.evidence(job.mixes, job.config.checks.values, ending)
    verdict, opinions = judge(ORACLES, evidence)
    outcome = Outcome(
        verdict=verdict,
        exit_code=exit_code(verdict, ending.cause),
        ending=ending,
        opinions=opinions,
        sample=board.sample,
        findings=tuple(board.findings),
        findings_dropped=board.findings_dropped,
        duration_s=board.worked_s(now),
        planned_s=board.duration_s,
        run_dir=folder.final,
        repeat=job.repeat,
        facts={**job.facts(), "source": board.source},
        compiled=tuple(board.compiled),
        abandoned=abandoned,
    )
    return keep(outcome, folder)


def keep(outcome: Outcome, folder: RunFolder) -> Outcome:
    """Write the outcome into the folder; if that fails, the outcome says so."""
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
