"""From a file to a frozen configuration: defaults, substitution, overrides, later errors."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from stressd.config import checks
from stressd.config.load import Loaded, load_config
from stressd.config.model import Maps, Recording, Synthetic
from stressd.config.units import Duration, Size
from stressd.errors import BadConfig

SMALLEST = (
    "version: 1\nsource: {kind: synthetic, entries: 10}\nworkers: [{name: w, mix: {load: 1}}]\n"
)
WORKERS = "workers: [{name: w, mix: {load: 1}}]\n"
Loader = Callable[..., Loaded]


@pytest.fixture
def load(tmp_path: Path) -> Loader:
    """Write a text to a file and load it."""

    def write_and_load(text: str, name: str = "some run.yaml", **options: object) -> Loaded:
        file = tmp_path / name
        file.write_text(text)
        return load_config(file, **options)  # type: ignore[arg-type]

    return write_and_load


def said(load: Loader, text: str, **options: object) -> str:
    """What is said about a text, without the folder of the file."""
    with pytest.raises(BadConfig) as caught:
        load(text, name="run.yaml", **options)
    return "\n".join(line[line.index("run.yaml") :] for line in str(caught.value).splitlines())


def test_what_is_left_out_has_its_default(load: Loader) -> None:
    """The smallest configuration is whole."""
    config = load(SMALLEST).config
    assert config.run.duration == Duration.parse("20s")
    assert (config.run.seed, config.run.build) == (1, "fast")
    assert (config.run.slice.nanoseconds, config.run.sample.seconds) == (20_000_000, 1.0)
    assert config.run.stall_after.seconds == 10
    assert config.tree.arena == Size.parse("4GiB")
    assert (config.tree.structure, config.tree.gaps, config.tree.poison) == ("maple", True, True)
    assert isinstance(config.source, Synthetic)
    assert config.source.cell.bytes == 65536
    assert (config.source.fill, config.source.wide) == (0.7, 0.05)
    worker = config.workers[0]
    assert (worker.threads, worker.keys.kind, worker.timing) == (1, "uniform", "sampled")
    assert (config.checks.structure_every.seconds, config.checks.values) == (5, True)
    assert (config.metrics.enabled, str(config.metrics.listen)) == (True, "127.0.0.1:9478")
    assert config.output.runs == Path("runs")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("soak.yaml", "soak"),
        ("my soak (2).yaml", "my-soak-2"),
        ("ü.yaml", "run"),
        (".yaml", "yaml"),
    ],
)
def test_a_run_without_a_name_is_called_like_its_file(load: Loader, file: str, name: str) -> None:
    """What cannot stand in a label or a folder name becomes a dash."""
    assert load(SMALLEST, name=file).config.run.name == name


def test_a_name_that_is_given_stays(load: Loader) -> None:
    """The file's name is only a default."""
    assert load(SMALLEST + "run: {name: mine}\n").config.run.name == "mine"


def test_a_configuration_never_changes(load: Loader) -> None:
    """Everybody may keep it: nobody can assign to it."""
    config = load(SMALLEST).config
    with pytest.raises(ValidationError, match="frozen"):
        config.run.seed = 2  # type: ignore[misc]


def test_the_file_is_kept_byte_for_byte(load: Loader) -> None:
    """The copy in the run folder and the digest are those of the file itself."""
    loaded = load("# ü\n" + SMALLEST)
    raw = Path(loaded.file).read_bytes()
    assert loaded.raw == raw
    assert loaded.sha256 == hashlib.sha256(raw).hexdigest()


def test_whole_numbers_may_have_an_exponent(load: Loader) -> None:
    """1e6 is a million, as everybody but YAML 1.1 thinks."""
    config = load("version: 1\nsource: {kind: synthetic, entries: 1e6}\n" + WORKERS).config
    assert isinstance(config.source, Synthetic)
    assert config.source.entries == 1_000_000


def test_an_alias_stands_for_what_it_repeats(load: Loader) -> None:
    """A mix can be written once and used twice."""
    text = (
        "version: 1\nsource: {kind: synthetic, entries: 10}\nworkers:\n"
        "  - {name: a, mix: &mix {load: 3, find: 1}}\n  - {name: b, mix: *mix}\n"
    )
    first, second = load(text).config.workers
    assert first.mix == second.mix == {"load": 3, "find": 1}


# -- ${env:NAME} -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${env:STRESSD_TEST}", 7),
        ('"${env:STRESSD_TEST}"', 7),
        ("${env:STRESSD_TEST:-3}", 7),
        ("${env:STRESSD_UNSET:-3}", 3),
        ("${env:STRESSD_EMPTY:-3}", 3),
        ("1${env:STRESSD_TEST}${env:STRESSD_UNSET:-0}", 170),
        ("${env:STRESSD_UNSET:-1e3}", 1000),
    ],
)
def test_a_variable_stands_for_its_value(
    load: Loader, monkeypatch: pytest.MonkeyPatch, text: str, value: int
) -> None:
    """Read as if it stood in the file unquoted, with a default where it is unset or empty."""
    monkeypatch.setenv("STRESSD_TEST", "7")
    monkeypatch.setenv("STRESSD_EMPTY", "")
    monkeypatch.delenv("STRESSD_UNSET", raising=False)
    assert load(SMALLEST + f"run:\n  seed: {text}\n").config.run.seed == value


def test_single_quotes_keep_a_dollar(load: Loader) -> None:
    """There is a way to write the text itself."""
    config = load(SMALLEST + "output: {runs: '${env:HOME}'}\n").config
    assert config.output.runs == Path("${env:HOME}")


def test_a_variable_cannot_bring_structure(load: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The value is one scalar, whatever is in it: no keys, no lists, no further variables."""
    monkeypatch.setenv("STRESSD_TEST", "{a: 1}\nseed: 3 ${env:HOME}")
    config = load(SMALLEST + "output:\n  runs: ${env:STRESSD_TEST}\n").config
    assert config.output.runs == Path("{a: 1}\nseed: 3 ${env:HOME}")


# -- the command line --------------------------------------------------------------------


def test_an_override_takes_the_place_of_the_file(load: Loader) -> None:
    """Also of a value that is wrong, of one that is not there, and of a section that is not."""
    text = SMALLEST + "run: {duration: never, seed: 010}\n"
    options = {"run.duration": "5s", "run.seed": "9", "metrics.listen": "127.0.0.1:0"}
    config = load(text, overrides=options).config
    assert (config.run.duration.seconds, config.run.seed, config.metrics.listen.port) == (5, 9, 0)


def test_an_override_mends_an_unset_variable(load: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file asks for a variable; the command line says the value: nothing is missing."""
    monkeypatch.delenv("STRESSD_UNSET", raising=False)
    text = SMALLEST + "run:\n  seed: ${env:STRESSD_UNSET}\n"
    assert load(text, overrides={"run.seed": "9"}).config.run.seed == 9


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"run.duration": "5"},
            "run.yaml: run.duration: needs a unit, such as 20s, 5ms or 1h30m"
            " (got 5 on the command line)",
        ),
        (
            {"run.seed": "010"},
            "run.yaml: run.seed: must be a whole number (got '010' on the command line)",
        ),
        (
            {"run.sped": "1"},
            "run.yaml: run.sped: is not a known key; did you mean 'seed'?",
        ),
        (
            {"run.duration": "10ms"},
            "run.yaml: run.duration: must be longer than run.slice, 20ms"
            " (got '10ms' on the command line)",
        ),
    ],
)
def test_a_wrong_override_is_not_blamed_on_a_line(
    load: Loader, options: dict[str, str], expected: str
) -> None:
    """The message names the key and says that the value came from the command line."""
    assert said(load, SMALLEST, overrides=options) == expected


# -- what turns out wrong later ----------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tree.arena", "run.yaml:4:15: tree.arena: does not fit (got '1GiB')"),
        ("tree.gaps", "run.yaml:4:7: tree.gaps: does not fit"),
        ("checks.values", "run.yaml:1:1: checks.values: does not fit"),
        ("workers[0].mix.load", "run.yaml:3:33: workers[0].mix.load: does not fit (got 1)"),
        ("", "run.yaml:1:1: does not fit (got a mapping)"),
    ],
)
def test_a_later_error_finds_its_place(load: Loader, path: str, expected: str) -> None:
    """What only the engine can know is said of the line of the file, or of the nearest one."""
    loaded = load(SMALLEST + "tree: {arena: 1GiB}\n", name="run.yaml")
    bad = loaded.bad(path, "does not fit")
    assert (str(bad)[str(bad).index("run.yaml") :], bad.exit_code) == (expected, 78)


# -- inputs ------------------------------------------------------------------------------


def test_inputs_stand_beside_the_file(load: Loader, tmp_path: Path) -> None:
    """A relative path starts at the configuration's folder, wherever the command runs."""
    (tmp_path / "mine.trace").write_text("")
    (tmp_path / "saved.maps").write_text("")
    source = load(
        "version: 1\nsource: {kind: recording, files: [gcc, mine.trace]}\n" + WORKERS
    ).config.source
    assert isinstance(source, Recording)
    assert source.files == ("gcc", str(tmp_path / "mine.trace"))
    source = load("version: 1\nsource: {kind: maps, file: saved.maps}\n" + WORKERS).config.source
    assert isinstance(source, Maps)
    assert source.file == tmp_path / "saved.maps"


def test_a_shipped_recording_goes_before_a_file(load: Loader, tmp_path: Path) -> None:
    """`ls` is the recording; a file of that name is `./ls`."""
    (tmp_path / "ls").write_text("")
    text = "version: 1\nsource: {kind: recording, files: [ls, ./ls]}\n" + WORKERS
    source = load(text).config.source
    assert isinstance(source, Recording)
    assert source.files == ("ls", f"{tmp_path}/./ls")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours that waits for the end of its input."""
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    yield child
    child.communicate()


def maps_of(pid: int | str) -> str:
    """A configuration that reads the mappings of one process."""
    return f"version: 1\nsource: {{kind: maps, pid: {pid}}}\n" + WORKERS


def test_a_process_of_ours_can_be_read(load: Loader, sleeper: subprocess.Popen[bytes]) -> None:
    """By its id; ourselves also as self."""
    for pid in (sleeper.pid, os.getpid(), "self"):
        source = load(maps_of(pid)).config.source
        assert isinstance(source, Maps)
        assert source.pid == pid


def test_a_process_that_is_gone_is_an_error(load: Loader, sleeper: subprocess.Popen[bytes]) -> None:
    """Already when the file is checked, at the line of the pid."""
    sleeper.communicate()
    expected = f"run.yaml:2:27: source.pid: there is no such process (got {sleeper.pid})"
    assert said(load, maps_of(sleeper.pid)) == expected


def test_a_process_that_has_ended_but_is_not_reaped_has_no_mappings(load: Loader) -> None:
    """A zombie is still there, but its address space is not."""
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout is not None
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    message = said(load, maps_of(child.pid))
    child.communicate()
    ended = "has no mappings: a kernel thread, or a process that has ended"
    assert message == f"run.yaml:2:27: source.pid: {ended} (got {child.pid})"


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (PermissionError(13, "Permission denied"), "is not ours: its mappings cannot be read"),
        (ProcessLookupError(3, "No such process"), "there is no such process"),
        (OSError(5, "Input/output error"), "its mappings cannot be read: Input/output error"),
    ],
)
def test_a_process_that_cannot_be_read_is_an_error(
    load: Loader, monkeypatch: pytest.MonkeyPatch, failure: OSError, expected: str
) -> None:
    """Each way to fail has its own words."""

    def refuse(pid: int | str) -> bytes:
        raise failure

    monkeypatch.setattr(checks, "read_maps", refuse)
    assert said(load, maps_of(1)) == f"run.yaml:2:27: source.pid: {expected} (got 1)"


def test_a_folder_that_cannot_be_written_is_an_error(
    load: Loader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Better now than after a day of running."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.chdir(tmp_path)
    expected = f"output.runs: {tmp_path} cannot be written to (got 'a/b')"
    assert said(load, SMALLEST + "output: {runs: a/b}\n") == f"run.yaml:4:16: {expected}"


def test_many_problems_are_cut_short(load: Loader) -> None:
    """Fifty are enough to begin with; the rest is counted."""
    lines = said(load, SMALLEST + "".join(f"zebra{n}: 1\n" for n in range(70))).splitlines()
    assert len(lines) == 51
    assert lines[-1].endswith("run.yaml: and 20 more problems")
