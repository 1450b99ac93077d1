"""No file, however damaged, is answered with anything but a configuration or its problems."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stressd.config.load import load_config
from stressd.errors import BadConfig, Problem

FOLDER = Path(__file__).parents[2] / "configs"
TEXTS = [file.read_text() for file in sorted(FOLDER.glob("*.yaml"))]
LINE = re.compile(r"(?s)[^:]+(:\d+:\d+)?: .+")
SNIPPETS = st.one_of(
    st.sampled_from(["\t", ":", ": ", "- ", "[", "]", "{", "}", "? ", "<<: ", "\n", "  "]),
    st.sampled_from(["&a ", "*a", "!!int ", "|", ">", "'", '"', "#", "%", "@", "\\", "\\x"]),
    st.sampled_from(["${", "${env:", "---\n", "...\n", "\u2028", "\x85", "é", '"\\ud800"']),
    st.sampled_from(["[key]", "kind", "synthetic", "~", "0", "-", "1e9", ".nan", "1" * 50]),
)


def problems_of(folder: Path, raw: bytes) -> tuple[Problem, ...]:
    """What is said about a file with these bytes; nothing if it is a configuration."""
    file = folder / "damaged.yaml"
    file.write_bytes(raw)
    try:
        load_config(file)
    except BadConfig as bad:
        return bad.problems or (Problem("", 0, 0, "", ""),)
    return ()


def answer(folder: Path, raw: bytes) -> None:
    """Load a file with these bytes; each problem must have its form, and can be printed."""
    for problem in problems_of(folder, raw):
        assert LINE.fullmatch(str(problem))
        assert str(problem).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples."""
    return tmp_path_factory.mktemp("damaged")


@given(st.sampled_from(TEXTS), st.data())
def test_a_damaged_configuration_is_answered(folder: Path, text: str, data: st.DataObject) -> None:
    """Pieces cut out, and pieces of YAML put in, at any place."""
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(SNIPPETS) + text[at + cut :]
    answer(folder, text.encode("utf-8", "surrogatepass"))


@given(st.text() | st.lists(SNIPPETS).map("".join))
@example('run: {name: "\\ud800"}')
@example('"\\ud800": 1')
@example('source: {kind: maps, file: "\\ud800"}')
@example("source: {kind: [maps]}\nworkers: {0: 1}")
@example('workers: [{mix: {"[key]": 1, "[key]x": 2}, "[key]": 3}]')
def test_any_text_is_answered(folder: Path, text: str) -> None:
    """Text that never was a configuration."""
    answer(folder, text.encode("utf-8", "surrogatepass"))


@given(st.binary())
def test_any_bytes_are_answered(folder: Path, raw: bytes) -> None:
    """Bytes that never were text."""
    answer(folder, raw)
