"""`stressd config check | schema | show`, and the configurations that ship."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stressd import errors, limits, resources
from stressd.config.commands import check, effective, schema, show
from stressd.config.fields import OP_NAMES
from stressd.config.load import load_config
from stressd.config.model import Config, Recording
from stressd.config.units import Duration, Size
from stressd.verdict import Exit
from stressd_kernels import layout, memory

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted(CONFIGS.glob("*.yaml"))
PIECES = Path(__file__).parent / "malformed"


@pytest.fixture(autouse=True)
def no_pid(monkeypatch: pytest.MonkeyPatch) -> None:
    """maps-self.yaml reads PID from the environment, where a shell may have one."""
    monkeypatch.delenv("PID", raising=False)


# -- shipped configurations --------------------------------------------------------------


def test_the_expected_configurations_ship() -> None:
    """The quickstart, and one for each thing that stressd is for."""
    names = {file.stem for file in SHIPPED}
    assert {"quickstart", "small-hot", "perturbed", "large", "maps-self", "zipfian"} <= names
    assert "recorded-programs" in names


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_configuration_is_valid(file: Path) -> None:
    """As it is, on this machine."""
    text, exit_code = check([str(file)])
    assert (text.partition(": ok: ")[0], exit_code) == (str(file), 0)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_configuration_says_what_it_is_meant_to_break(file: Path) -> None:
    """It opens with the schema for editors and a comment for people."""
    lines = file.read_text().splitlines()
    assert lines[:2] == ["# yaml-language-server: $schema=schema.json", "#"]
    assert lines[2].startswith("# Meant to break: ")


def test_the_shipped_configurations_use_every_operation() -> None:
    """None of the operations waits for its first user."""
    used = {op for file in SHIPPED for w in load_config(file).config.workers for op in w.mix}
    assert used == set(OP_NAMES)


def test_all_recordings_are_played_at_once() -> None:
    """What ships is what recorded-programs.yaml replays."""
    source = load_config(CONFIGS / "recorded-programs.yaml").config.source
    assert isinstance(source, Recording)
    assert sorted(source.files) == sorted(resources.recordings())


# -- check -------------------------------------------------------------------------------


def test_check_says_of_each_file_what_it_is() -> None:
    """A good file has one line that sums it up, a bad one a line for each problem."""
    good, bad = str(CONFIGS / "zipfian.yaml"), str(PIECES / "timing.yaml")
    text, exit_code = check([good, bad])
    assert text.splitlines() == [
        f"{good}: ok: 100000 synthetic entries; 4 threads (mixed, background); 5m",
        f"{bad}:4:39: workers[0].timing: must be 'sampled' or 'every' (got 'all')",
    ]
    assert exit_code == 78


def test_check_speaks_json() -> None:
    """One object per file, one a line."""
    good, bad = str(CONFIGS / "zipfian.yaml"), str(PIECES / "timing.yaml")
    text, exit_code = check([good, bad], as_json=True)
    message = "must be 'sampled' or 'every'"
    problem = {"line": 4, "column": 39, "path": "workers[0].timing", "message": message}
    assert [json.loads(line) for line in text.splitlines()] == [
        {"file": good, "valid": True, "problems": []},
        {"file": bad, "valid": False, "problems": [problem | {"got": "'all'"}]},
    ]
    assert exit_code == 78


def test_checking_compiles_nothing() -> None:
    """numba takes half a second to import, and the build is chosen by the configuration."""
    script = (
        "import sys; from stressd.config.commands import check;"
        f"print(check([{str(CONFIGS / 'zipfian.yaml')!r}])[1], 'numba' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "False"]


# -- show --------------------------------------------------------------------------------


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_what_show_prints_is_the_same_configuration(file: Path, tmp_path: Path) -> None:
    """Written to another file, and read again, it is equal, and shows the same."""
    copy = tmp_path / "copy.yaml"
    copy.write_text(show(str(file)))
    assert load_config(copy).config == load_config(file).config
    assert show(str(copy)) == copy.read_text()


def test_show_fills_in_the_defaults_with_their_units() -> None:
    """Everything that can be set is there to be seen."""
    shown = yaml.safe_load(show(str(CONFIGS / "small-hot.yaml")))
    assert shown["run"] == {
        "name": "small-hot",
        "duration": "10m",
        "seed": 1,
        "build": "checking",
        "slice": "10ms",
        "sample": "1s",
        "stall_after": "10s",
    }
    assert shown["tree"]["arena"] == "256MiB"
    assert shown["workers"][0]["mix"] == {"store": 60, "erase": 40}
    assert set(shown) == set(Config.model_fields)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_show_speaks_json(file: Path) -> None:
    """The same content as the YAML."""
    assert json.loads(show(str(file), as_json=True)) == yaml.safe_load(show(str(file)))


def test_show_refuses_what_check_refuses() -> None:
    """There is no effective form of a configuration that is wrong."""
    with pytest.raises(errors.BadConfig, match="must be 'sampled' or 'every'"):
        show(str(PIECES / "timing.yaml"))


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True) | st.sampled_from(
    ["on", "no", "1e6", "010", "0x1F", "null", "1", "True", "0o7", "1.5", "1_0"]
)
WORKER = st.fixed_dictionaries(
    {
        "name": NAMES,
        "mix": st.dictionaries(
            st.sampled_from(["load", "find", "scan", "store", "erase"]),
            st.integers(1, 1000) | st.floats(1e-3, 1e6),
            min_size=1,
        ),
    },
    optional={
        "threads": st.integers(1, 20),
        "timing": st.sampled_from(["sampled", "every"]),
        "keys": st.just({"kind": "uniform"})
        | st.floats(0.01, 0.99).map(lambda theta: {"kind": "zipfian", "theta": theta}),
    },
)
RUN = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES,
        "seed": st.integers(0, (1 << 64) - 1),
        "duration": st.integers(10**8, 10**15).map(lambda amount: str(Duration.of(amount))),
        "build": st.sampled_from(["fast", "checking"]),
    },
)
SOURCE = st.fixed_dictionaries(
    {"kind": st.just("synthetic"), "entries": st.integers(1, 16_000_000)},
    optional={
        "fill": st.floats(0, 1),
        "cell": st.integers(4, 40).map(lambda n: str(Size.of(1 << n))),
    },
)
WHOLE = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "run": RUN,
        "source": SOURCE,
        "workers": st.lists(
            WORKER, min_size=1, max_size=5, unique_by=lambda worker: worker["name"]
        ),
    },
    optional={
        "output": st.builds(lambda text: {"runs": text}, st.sampled_from(["r", "'", "${x}"]))
    },
)


@given(WHOLE)
def test_any_configuration_can_be_written_and_read(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]
) -> None:
    """Whatever a configuration holds, names like `on` and `1e6` included, it reads back equal."""
    config = Config.model_validate(data)
    file = tmp_path_factory.mktemp("written") / "effective.yaml"
    file.write_text(effective(config))
    assert load_config(file).config == config


# -- schema ------------------------------------------------------------------------------


def test_the_schema_is_up_to_date() -> None:
    """configs/schema.json is what the model says: `stressd config schema > configs/schema.json`."""
    assert (CONFIGS / "schema.json").read_text() == schema()


def test_every_field_of_the_schema_is_described() -> None:
    """An editor has something to say about each key, but for the tags of unions."""
    found = json.loads(schema())
    sections = [found, *(part for part in found["$defs"].values() if "properties" in part)]
    silent = {
        f"{section['title']}.{name}"
        for section in sections
        for name, field in section["properties"].items()
        if not field.get("description") and name != "kind"
    }
    assert silent == set()


def test_the_schema_knows_every_operation() -> None:
    """Editors complete the names of operations, each with its description."""
    mix = json.loads(schema())["$defs"]["Worker"]["properties"]["mix"]
    assert (list(mix["properties"]), mix["additionalProperties"]) == (list(OP_NAMES), False)


def test_the_schema_accepts_what_ships_and_refuses_what_does_not_fit() -> None:
    """A validator that knows nothing of stressd comes to the same answers."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(schema()))
    for file in SHIPPED:
        validator.validate(load_config(file).document.data)
        validator.validate(json.loads(show(str(file), as_json=True)))
        wrong = load_config(file).document.data | {"zebra": 1}
        assert not validator.is_valid(wrong)
    for name in ("timing", "keys", "mix-ops", "durations", "sizes", "version", "maps-neither"):
        document = yaml.safe_load((PIECES / f"{name}.yaml").read_text())
        assert not validator.is_valid(document), name


# -- numbers that stand in two places ----------------------------------------------------


def test_limits_agree_with_the_layout() -> None:
    """What the configuration allows, the arena has room for."""
    assert limits.ARENA_MAX == memory.CAPACITY_MAX
    assert limits.THREADS_TOTAL_MAX < layout.SLOTS_MAX


def test_exit_codes_agree_with_the_verdict() -> None:
    """The errors write the numbers out to stay light."""
    assert errors.BadConfig.exit_code == Exit.CONFIG
    assert errors.UsageError.exit_code == errors.UserError.exit_code == Exit.USAGE
    assert errors.RunFolderLocked.exit_code == Exit.LOCKED
