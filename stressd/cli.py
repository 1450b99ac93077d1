"""The command line. What a command needs is imported when it is chosen, so that help, version
and `config check` answer at once, without numba.

A `UserError` ends a command with its message and its exit code. Anything else that gets here is
a defect of stressd: one line, exit code 6, and the traceback if STRESSD_TRACEBACK is set.
"""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from stressd import __version__, builds
from stressd.bench.options import CHURN_DEFAULT, ENTRIES_DEFAULT
from stressd.errors import UserError
from stressd.replay.how import TRACE_MAX, VALIDATE_DEFAULT, stages_of, trace_limit, validate_of

CRASHED = 6  # stressd.verdict.Exit.CRASHED; that module brings numpy with it
BROKEN_PIPE = 128 + 13  # as if SIGPIPE had ended it, which is what a shell expects

Params = ParamSpec("Params")

app = typer.Typer(
    help="Stress a concurrent range tree, and prove that every answer was right.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
config_app = typer.Typer(help="Check, describe and show configurations.", no_args_is_help=True)
app.add_typer(config_app, name="config")


def guarded(command: Callable[Params, int | None]) -> Callable[Params, None]:
    """Turn whatever a command returns or raises into an exit code."""

    @functools.wraps(command)
    def run(*args: Params.args, **kwargs: Params.kwargs) -> None:
        try:
            code = command(*args, **kwargs) or 0
            sys.stdout.flush()
        except UserError as failure:
            typer.echo(str(failure), err=True)
            code = failure.exit_code
        except BrokenPipeError:
            from stressd.display.console import discard

            discard(sys.stdout)
            code = BROKEN_PIPE
        except Exception as failure:
            typer.echo(f"stressd: internal error: {type(failure).__name__}: {failure}", err=True)
            if os.environ.get("STRESSD_TRACEBACK"):
                traceback.print_exc()
            code = CRASHED
        raise typer.Exit(code)

    return run


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        typer.echo(f"stressd {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Stress a concurrent range tree, and prove that every answer was right."""


@app.command()
@guarded
def run(
    config: Annotated[
        str, typer.Argument(help="A YAML file, or the name of a shipped one.", metavar="CONFIG")
    ],
    duration: Annotated[str | None, typer.Option(help="Run for this long: 20s, 12h.")] = None,
    seed: Annotated[str | None, typer.Option(help="Seed of all random choices.")] = None,
    build: Annotated[str | None, typer.Option(help=builds.HELP)] = None,
    listen: Annotated[str | None, typer.Option(help="Serve metrics on this HOST:PORT.")] = None,
    no_metrics: Annotated[bool, typer.Option("--no-metrics", help="Serve no metrics.")] = False,
    runs: Annotated[str | None, typer.Option(help="Make the run folder in here.")] = None,
    trace: Annotated[str | None, typer.Option(help="Write trace events to this file.")] = None,
    trace_max: Annotated[str | None, typer.Option(help="Most that file may hold: 1GiB.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Give any key a value: run.operations=1e6"),
    ] = None,
    run_dir: Annotated[Path | None, typer.Option(help="Use exactly this run folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object last.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but the verdict.")] = False,
) -> int:
    """Run a configuration and judge it."""
    from stressd.run.command import Request, settings
    from stressd.run.command import run as run_request

    given = {
        "run.duration": ("--duration", duration),
        "run.seed": ("--seed", seed),
        "run.build": ("--build", builds.asked(build)),
        "metrics.listen": ("--listen", listen),
        "metrics.enabled": ("--no-metrics", "false" if no_metrics else None),
        "output.runs": ("--runs", runs),
        "output.trace": ("--trace", trace),
        "output.trace_max": ("--trace-max", trace_max),
    }
    overrides = {path: (option, text) for path, (option, text) in given.items() if text is not None}
    overrides |= settings(set_ or [])
    return run_request(Request(config, overrides, run_dir, as_json, quiet))


@app.command()
@guarded
def replay(
    files: Annotated[
        list[str], typer.Argument(help="Recordings, or names of shipped ones.", metavar="FILE...")
    ],
    maps: Annotated[str | None, typer.Option(help="The final mappings to compare with.")] = None,
    stage: Annotated[
        str,
        typer.Option(
            help="Structures beside the maple tree: all, no-rbtree, no-list, "
            "no-cache; or every, one after the other."
        ),
    ] = "all",
    validate: Annotated[
        str, typer.Option(help="When to compare structures: inline, after every N calls, or off.")
    ] = str(VALIDATE_DEFAULT),
    build: Annotated[str | None, typer.Option(help=builds.HELP)] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Write what the replay does to this file.")
    ] = None,
    trace_max: Annotated[str, typer.Option(help="Most that file may hold.")] = TRACE_MAX,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a replay.")] = False,
) -> int:
    """Apply recordings one after the other, and compare with what the kernel did."""
    stages, every, limit = stages_of(stage), validate_of(validate), trace_limit(trace_max)
    builds.choose_option(build)
    from stressd.replay import command

    request = command.Request(files, maps, as_json, stages, every, trace, limit)
    return command.run(request, sys.stdout.write)


@app.command(context_settings={"allow_interspersed_args": False})
@guarded
def record(
    command: Annotated[
        list[str], typer.Argument(help="The program and its arguments.", metavar="[--] COMMAND...")
    ],
    out: Annotated[
        str | None, typer.Option("-o", "--out", help="The log; else COMMAND.strace.gz.")
    ] = None,
    maps: Annotated[str | None, typer.Option(help="The mappings; else beside the log.")] = None,
    pause: Annotated[
        str, typer.Option(help="How long a process waits for its mappings to be read.")
    ] = "20ms",
) -> int:
    """Record a program through strace, for `replay` and for recordings as a source."""
    from stressd.record.command import run as run_record

    return run_record(command, out, maps, pause)


@app.command()
@guarded
def bench(
    entries: Annotated[
        str, typer.Option(help="Sizes to measure at, as 1e3,1e5,1e7.")
    ] = ENTRIES_DEFAULT,
    sections: Annotated[
        str | None, typer.Option(help="Only these parts, as lookup,gap; some run only if named.")
    ] = None,
    reps: Annotated[int | None, typer.Option(help="Repetitions of each measurement.")] = None,
    turns: Annotated[
        int, typer.Option(help="How often the references and ours are measured by turns.")
    ] = 1,
    peer: Annotated[
        Path | None,
        typer.Option(help="Folder of the built references; else that in $STRESSD_PEER."),
    ] = None,
    churn: Annotated[
        str, typer.Option(help="How long section churned changes the tree: 60s, 1h.")
    ] = CHURN_DEFAULT,
    build: Annotated[str | None, typer.Option(help=builds.HELP)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Measure the tree, beside Python containers and references in C if they were built."""
    builds.choose_option(build)
    from stressd.bench.command import REPS_DEFAULT
    from stressd.bench.command import run as run_bench

    repetitions = REPS_DEFAULT if reps is None else reps
    return run_bench(entries, sections, repetitions, peer, as_json, churn, turns)


@config_app.command()
@guarded
def check(
    files: Annotated[list[str], typer.Argument(help="Configurations.", metavar="FILE...")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file.")] = False,
) -> int:
    """Say what is wrong with configurations, and where."""
    from stressd.config.commands import check as check_files
    from stressd.run.command import configuration

    text, code = check_files([configuration(file) for file in files], as_json)
    typer.echo(text)
    return code


@config_app.command()
@guarded
def schema() -> None:
    """Print the JSON Schema, for editors."""
    from stressd.config.commands import schema as text

    typer.echo(text(), nl=False)


@config_app.command()
@guarded
def show(
    file: Annotated[str, typer.Argument(help="A configuration.")],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Print a configuration with all defaults filled in."""
    from stressd.config.commands import show as text
    from stressd.run.command import configuration

    typer.echo(text(configuration(file), as_json), nl=as_json)


def main() -> None:
    """Run the command line."""
    app()
