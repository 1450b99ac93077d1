"""`stressd run`: from the command line to a session, and from its outcome to the exit code."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stressd import builds, resources
from stressd.config.commands import effective
from stressd.config.load import Loaded, load_config
from stressd.errors import BadConfig, Problem, UsageError

if TYPE_CHECKING:
    from stressd.config.model import Config
    from stressd.outcome import Outcome
    from stressd.run.job import EngineLike, Job


NO_TEXT = "false"  # the value behind --no-metrics, which is not written
SET = "--set"  # gives any key its value


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    name: str  # a configuration: a path, or the bare name of one that is shipped
    overrides: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # path: option, text
    run_dir: Path | None = None
    as_json: bool = False
    quiet: bool = False

    def option_problem(self, problem: Problem) -> str:
        """Return what is wrong with the option that gave a value its text."""
        option, text = self.overrides[problem.path]
        return f"{option}: {problem.message} (got {text})"

    def words(self) -> list[str]:
        """Return the options, but for the seed, as one writes them."""
        words: list[str] = []
        for path, (option, text) in self.overrides.items():
            if option == SET:
                words += [option, f"{path}={text}"]
            elif path != "run.seed":
                words += [option] if text == NO_TEXT else [option, text]
        return words


def settings(pairs: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the overrides that `--set PATH=VALUE` asks for."""
    found: dict[str, tuple[str, str]] = {}
    for pair in pairs:
        path, equals, text = pair.partition("=")
        if not equals or not path or "[" in path:
            raise UsageError(f"{SET}: must be KEY=VALUE, as in source.entries=1e6 (got {pair!r})")
        found[path] = (SET, text)
    return found


def run(request: Request) -> int:
    """Run a configuration and return the exit code."""
    gc.disable()  # what is made until the workers begin stays: the session collects once, then
    try:
        return run_to_the_end(request)
    finally:
        gc.enable()


def run_to_the_end(request: Request) -> int:
    """Start the session, show how it ended, and return the exit code."""
    loaded = load(request)
    builds.choose(loaded.config.run.build)
    from stressd.display import discard, human_console, print_closing, screen_for
    from stressd.run.session import run_session

    faulthandler.enable()
    console = human_console(stderr=request.as_json)
    screen = screen_for(console, request.quiet)
    job = job_of(request, loaded)
    outcome = run_session(job, partial(make_engine, loaded.config), screen)
    try:
        print_closing(console, outcome, request.quiet)
    except OSError:  # the terminal is gone; the verdict is not
        discard(console.file)
    if request.as_json:
        print_json(outcome)
    if outcome.abandoned:
        leave_at_once(int(outcome.exit_code))
    return int(outcome.exit_code)


def load(request: Request) -> Loaded:
    """Read the configuration; what is wrong with an option alone is an error of usage."""
    overrides = {path: text for path, (_, text) in request.overrides.items()}
    try:
        return load_config(configuration(request.name), overrides)
    except BadConfig as bad:
        if {problem.path for problem in bad.problems} <= overrides.keys():
            raise UsageError("\n".join(map(request.option_problem, bad.problems))) from bad
        raise


def configuration(name: str) -> str:
    """Return the path of a configuration, given that or the bare name of a shipped one."""
    shipped = resources.configs()
    bare = os.path.basename(name) == name and "." not in name
    if not bare or os.path.exists(name):
        return name
    if name not in shipped:
        raise UsageError(f"{name}: no such file, nor one of {', '.join(shipped)}")
    return str(shipped[name])


def job_of(request: Request, loaded: Loaded) -> Job:
    """Return what the session needs to know."""
    from stressd.run.job import Job

    seed = str(loaded.config.run.seed)
    command = ["stressd", "run", "--seed", seed, *request.words(), request.name]
    return Job(
        config=loaded.config,
        name=request.name,
        raw=loaded.raw,
        sha256=loaded.sha256,
        effective=effective(loaded.config),
        repeat=shlex.join(command),
        run_dir=request.run_dir,
        explain=partial(explain, loaded),
    )


def make_engine(config: Config) -> EngineLike:
    """Return the engine; its import is slow, so it happens in a thread of the session."""
    from stressd.engine import Engine

    return Engine(config)


def explain(loaded: Loaded, failure: Exception) -> Exception:
    """Show what does not fit at its place in the file."""
    from stressd.engine import EngineError

    if isinstance(failure, EngineError):
        return loaded.bad(failure.path, failure.message)
    return failure


def print_json(outcome: Outcome) -> None:
    """Print the one object, last, on one line."""
    from stressd.outcome import brief

    print(json.dumps(brief(outcome), default=str), flush=True)


def leave_at_once(code: int) -> None:
    """End the process although a thread is inside a kernel: it must not outlive its memory."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
