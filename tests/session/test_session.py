"""How a run ends, for everything that can happen to it."""

from __future__ import annotations

import errno
import gc
import json
import logging
import os
import signal
import socket
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stressd.display import Frame, Quiet
from stressd.errors import UserError
from stressd.outcome import brief
from stressd.run.runfolder import RunFolder, writing_error
from stressd.run.session import run_session
from stressd.verdict import Cause, Exit, Verdict
from stressd.web import ListenError
from stressd_kernels.status import Status
from tests.session.conftest import Runner, job_for, small_config
from tests.session.fakes import FakeEngine


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A session takes the root logger; give it back."""
    handlers = logging.getLogger().handlers[:]
    yield
    logging.captureWarnings(False)
    logging.getLogger().handlers[:] = handlers


def lines(path: Path) -> list[dict[str, object]]:
    """Return the records of a .jsonl file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_healthy_run_is_valid_and_leaves_a_whole_folder(run_small: Runner) -> None:
    """Everything that was promised is in the folder, and its name says that it is complete."""
    outcome = run_small()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.VALID, Exit.VALID)
    assert {path.name for path in outcome.run_dir.iterdir()} == {
        "config.yaml",
        "effective.yaml",
        "log.jsonl",
        "findings.jsonl",
        "samples.jsonl",
        "summary.json",
    }
    assert [path.name for path in outcome.run_dir.parent.iterdir()] == [outcome.run_dir.name]


def test_garbage_is_collected_while_the_workers_work(tmp_path: Path) -> None:
    """Not before: what is made then stays. A run of days needs it afterwards."""
    seen: list[bool] = []

    class Looking(FakeEngine):
        def run_slice(self, worker: int) -> Status:
            seen.append(gc.isenabled())
            return super().run_slice(worker)

    config = small_config(tmp_path / "runs")
    gc.disable()  # as the command does
    try:
        run_session(job_for(config), lambda: Looking(config), Quiet())
    finally:
        gc.enable()
    assert set(seen) == {True}


def test_enough_operations_end_a_run(tmp_path: Path) -> None:
    """Long before its time is up; it is then as whole as one that lasted, and says how many."""
    config = small_config(tmp_path / "runs", duration="1h", operations=5000)
    outcome = run_session(job_for(config), lambda: FakeEngine(config), Quiet())
    assert (outcome.verdict, outcome.ending.cause) == (Verdict.VALID, Cause.DEADLINE)
    done = int(outcome.ending.message.replace(",", "").removesuffix(" operations"))
    assert outcome.sample is not None
    assert 5000 <= done <= sum(op.count for op in outcome.sample.ops)


def test_the_summary_holds_what_is_printed_and_more(run_small: Runner) -> None:
    """A script that knows the printed object can read the file with the same code."""
    outcome = run_small()
    kept = json.loads((outcome.run_dir / "summary.json").read_text(encoding="utf-8"))
    printed = json.loads(json.dumps(brief(outcome)))
    assert {key: kept[key] for key in printed} == printed
    assert {"opinions", "ending", "repeat", "arena", "seed"} <= kept.keys()


def test_the_printed_object_has_the_promised_shape(run_small: Runner) -> None:
    """The keys are an interface."""
    printed = brief(run_small())
    assert list(printed) == [
        "verdict",
        "exit_code",
        "build",
        "clock",
        "comparable",
        "duration_seconds",
        "operations",
        "judged",
        "trace",
        "findings",
        "run_dir",
    ]
    assert list(printed["operations"]) == ["load", "scan", "store"]
    figures = {"count", "per_second", "p50_ns", "p99_ns", "p999_ns", "max_ns"}
    assert all(set(row) == figures for row in printed["operations"].values())
    assert set(printed["judged"]["values"]) == {"ok", "interesting", "forbidden"}


def test_the_title_names_any_build_but_the_fast_one(tmp_path: Path) -> None:
    """Whoever looks at the screen knows what the figures are worth."""
    for build, title in {
        "fast": "small.yaml · seed 1",
        "checking": "small.yaml · seed 1 · checking build",
    }.items():
        config = small_config(tmp_path, build=build)
        frames: list[Frame] = []
        screen = Quiet()
        screen.update = frames.append  # type: ignore[method-assign]
        run_session(job_for(config), lambda config=config: FakeEngine(config), screen)
        assert frames[-1].title.endswith(title)


def test_phases_come_in_order(tmp_path: Path) -> None:
    """Compile, load, work, stop, finish, close; a check may fall anywhere in between."""
    config = small_config(tmp_path)
    engine = FakeEngine(config)
    run_session(job_for(config), lambda: engine, Quiet())
    calls = [call for call in engine.calls if call != "check"]
    assert calls == ["compile", "load", "stop", "finish", "close"]


def test_the_last_sample_sees_the_last_operation(tmp_path: Path) -> None:
    """Totals are those of the end, not of the last interval."""
    config = small_config(tmp_path)
    engine = FakeEngine(config)
    outcome = run_session(job_for(config), lambda: engine, Quiet())
    assert outcome.sample is not None
    counted = sum(worker.operations for worker in outcome.sample.workers)
    assert counted == sum(engine.slices.values()) * 1000


@pytest.mark.parametrize(
    ("trouble", "verdict", "code", "cause"),
    [
        ("arena_full", Verdict.UNKNOWN, Exit.UNKNOWN, Cause.ARENA_FULL),
        ("broken", Verdict.INVALID, Exit.INVALID, Cause.BROKEN),
        ("forbidden", Verdict.INVALID, Exit.INVALID, Cause.FORBIDDEN),
        ("leak", Verdict.INVALID, Exit.INVALID, Cause.DEADLINE),
        ("crash", Verdict.UNKNOWN, Exit.CRASHED, Cause.CRASHED),
        ("sample_crash", Verdict.UNKNOWN, Exit.CRASHED, Cause.CRASHED),
        ("hang", Verdict.UNKNOWN, Exit.STALLED, Cause.STALLED),
    ],
)
def test_every_trouble_has_its_ending(
    run_small: Runner, trouble: str, verdict: Verdict, code: Exit, cause: Cause
) -> None:
    """Verdict, exit code and cause of each trouble; the folder is whole in all of them."""
    outcome = run_small(trouble, stall_after="1s")
    assert (outcome.verdict, outcome.exit_code, outcome.ending.cause) == (verdict, code, cause)
    assert (outcome.run_dir / "summary.json").exists()


def test_a_full_arena_says_what_to_raise(run_small: Runner) -> None:
    """The ending names the key of the configuration."""
    assert "tree.arena" in run_small("arena_full").ending.message


def test_a_stalled_worker_is_named(run_small: Runner) -> None:
    """Whoever reads the summary knows which worker, of which workload, for how long."""
    outcome = run_small("hang", stall_after="1s")
    assert outcome.abandoned
    assert "worker 0 (read)" in outcome.ending.message
    assert [finding.oracle for finding in outcome.findings] == ["stall"]


def test_a_forbidden_finding_is_written_down(run_small: Runner) -> None:
    """The finding is in its file and in the summary."""
    outcome = run_small("forbidden", duration="1m")
    assert lines(outcome.run_dir / "findings.jsonl")[0]["message"] == "key 5 holds 7"
    assert outcome.findings[0].details == {"key": 5}


def test_a_traceback_is_in_the_log_and_nowhere_else(
    run_small: Runner, capfd: pytest.CaptureFixture[str]
) -> None:
    """The terminal gets one line from the summary; whoever must mend it reads the log."""
    outcome = run_small("crash")
    crashed = [r for r in lines(outcome.run_dir / "log.jsonl") if r["event"] == "crashed"]
    assert "a slice went wrong" in json.dumps(crashed)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_the_log_tells_the_run_from_start_to_end(run_small: Runner) -> None:
    """Each phase, each kernel, and the verdict last."""
    events = [(r["event"], r.get("phase")) for r in lines(run_small().run_dir / "log.jsonl")]
    assert events == [
        ("start", None),
        ("phase", "compiling"),
        ("compiled", None),
        ("compiled", None),
        ("phase", "warmup"),
        ("phase", "running"),
        ("phase", "draining"),
        ("end", None),
    ]


def test_samples_are_kept_while_it_runs(run_small: Runner) -> None:
    """One line an interval, the last one after everything was counted."""
    outcome = run_small(duration="300ms")
    kept = lines(outcome.run_dir / "samples.jsonl")
    assert len(kept) >= 2
    assert {"elapsed_seconds", "epoch_lag", "backlog_nodes", "ops"} <= kept[-1].keys()


class StopsAt(Quiet):
    """A screen that asks the process to stop when a frame shows what it waits for."""

    interval = 0.01

    def __init__(self, phase: str, times: int) -> None:
        self.phase, self.times = phase, times

    def update(self, frame: Frame) -> None:
        if self.times and self.phase in (frame.phase, "any"):
            self.times -= 1
            self.phase = "any"
            signal.raise_signal(signal.SIGINT)


class StopsLater(Quiet):
    """Asks to stop once every operation was seen."""

    interval = 0.01

    def __init__(self) -> None:
        self.asked = False

    def update(self, frame: Frame) -> None:
        done = frame.sample and all(op.count for op in frame.sample.ops)
        if done and frame.checks and not self.asked:
            self.asked = True
            signal.raise_signal(signal.SIGTERM)


def test_one_signal_drains_and_the_verdict_is_given(tmp_path: Path) -> None:
    """A soak that is stopped after hours has proved something all the same."""
    config = small_config(tmp_path, duration="1h")
    outcome = run_session(job_for(config), lambda: FakeEngine(config), StopsLater())
    assert (outcome.verdict, outcome.exit_code) == (Verdict.VALID, Exit.VALID)
    assert outcome.ending.cause is Cause.SIGNAL


def test_a_second_signal_stops_at_once_although_a_slice_hangs(tmp_path: Path) -> None:
    """Nothing is waited for; the verdict is UNKNOWN and the thread is reported as left behind."""
    config = small_config(tmp_path, duration="1h", stall_after="1h")
    engine = FakeEngine(config, "hang")
    outcome = run_session(job_for(config), lambda: engine, StopsAt("running", 2))
    engine.release.set()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.UNKNOWN, Exit.UNKNOWN)
    assert outcome.ending.cause is Cause.ABORTED
    assert outcome.abandoned
    assert "finish" not in engine.calls


def test_a_signal_while_compiling_ends_it_at_once(tmp_path: Path) -> None:
    """Nothing ran, so nothing is known."""
    config = small_config(tmp_path)
    engine = FakeEngine(config, "slow_compile")
    outcome = run_session(job_for(config), lambda: engine, StopsAt("compiling", 1))
    engine.release.set()
    assert (outcome.verdict, outcome.exit_code) == (Verdict.UNKNOWN, Exit.UNKNOWN)
    assert engine.calls == ["compile", "close"]


class Asks(StopsLater):
    """Asks something once while the workers run, and stops the run afterwards."""

    def __init__(self, ask: Callable[[Frame], None]) -> None:
        super().__init__()
        self.ask = ask
        self.answered = False

    def update(self, frame: Frame) -> None:
        if frame.phase == "running" and not self.answered:
            self.ask(frame)
            self.answered = True
        if self.answered:
            super().update(frame)


def test_usr1_writes_the_state_down_and_hup_is_noted(tmp_path: Path) -> None:
    """Where every worker and every thread is, without disturbing them."""

    def ask(_: Frame) -> None:
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGHUP)

    config = small_config(tmp_path, duration="1h")
    outcome = run_session(job_for(config), lambda: FakeEngine(config), Asks(ask))
    log = lines(outcome.run_dir / "log.jsonl")
    (state,) = [record for record in log if record["event"] == "state"]
    assert state["at_work"] == {"0": "read", "1": "read", "2": "write"}
    assert len(state["threads"]) > len(state["at_work"])  # theirs and the main thread
    assert [r["action"] for r in log if r.get("name") == "SIGHUP"]
    assert outcome.verdict is Verdict.VALID


def test_metrics_are_served_while_it_runs(tmp_path: Path) -> None:
    """The address of the first lines answers, and the run is ready as long as workers work."""
    answers: list[str] = []

    def ask(frame: Frame) -> None:
        for page in (frame.metrics, frame.metrics.replace("metrics", "readyz")):
            with urllib.request.urlopen(page, timeout=30) as answer:
                answers.append(answer.read().decode())

    config = small_config(tmp_path, duration="1h")
    metrics = {"enabled": True, "listen": "127.0.0.1:0"}
    config = config.model_copy(update={"metrics": type(config.metrics).model_validate(metrics)})
    outcome = run_session(job_for(config), lambda: FakeEngine(config), Asks(ask))
    assert outcome.verdict is Verdict.VALID
    assert 'stressd_ops_total{op="load",outcome="ok",workload="read"}' in answers[0]
    assert 'stressd_state{stressd_state="running"} 1.0' in answers[0]
    assert answers[1] == "running\n"


def test_what_the_user_can_mend_leaves_no_folder(tmp_path: Path) -> None:
    """A source that cannot be read is an error of the user's, and the folder never was."""
    config = small_config(tmp_path / "runs")

    def make() -> FakeEngine:
        raise UserError("small.yaml:5:3: source.files[0]: cannot be read")

    with pytest.raises(UserError, match=r"source\.files"):
        run_session(job_for(config), make, Quiet())
    assert not (tmp_path / "runs").exists()


def test_a_port_in_use_is_told_before_anything_is_compiled(tmp_path: Path) -> None:
    """Nobody should wait a minute for kernels to be told about a port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = small_config(tmp_path / "runs")
        metrics = {"enabled": True, "listen": f"127.0.0.1:{port}"}
        config = config.model_copy(update={"metrics": type(config.metrics).model_validate(metrics)})
        engine = FakeEngine(config)
        with pytest.raises(ListenError, match=f"{port} is in use"):
            run_session(job_for(config), lambda: engine, Quiet())
    assert engine.calls == []
    assert not (tmp_path / "runs").exists()


def disk_full(path: Path) -> OSError:
    """Return what the system says when nothing more fits."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def test_a_full_disk_during_the_run_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evidence that cannot be kept is not worth collecting for hours."""
    append = RunFolder.append

    def full_after_the_first(self: RunFolder, name: str, record: dict[str, object]) -> None:
        if self.open(name).tell():
            raise writing_error(self.path / name, disk_full(self.path))
        append(self, name, record)

    monkeypatch.setattr(RunFolder, "append", full_after_the_first)
    config = small_config(tmp_path, duration="1h")
    outcome = run_session(job_for(config), lambda: FakeEngine(config), Quiet())
    assert (outcome.verdict, outcome.exit_code) == (Verdict.UNKNOWN, Exit.USAGE)
    assert "samples.jsonl: cannot be written: No space left" in outcome.ending.message


def test_a_summary_that_cannot_be_written_leaves_the_folder_partial(
    run_small: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that looks whole is whole."""

    def full(descriptor: int) -> None:
        raise disk_full(Path())

    monkeypatch.setattr(os, "fsync", full)
    outcome = run_small()
    assert outcome.exit_code is Exit.USAGE
    assert outcome.run_dir.name.endswith(".partial")
    assert outcome.run_dir.is_dir()
