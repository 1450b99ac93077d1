"""Files with mistakes in them, each beside the exact lines that are said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressd.config.commands import check

FOLDER = Path(__file__).parent / "malformed"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_mistake_of_a_file_is_named_at_its_place(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All problems, sorted, with line, column, path and what stands there: to the letter."""
    monkeypatch.chdir(FOLDER)
    monkeypatch.setenv("STRESSD_TEST_SEED", "-7")
    monkeypatch.delenv("STRESSD_TEST_UNSET", raising=False)
    expected = file.with_suffix(".txt").read_text().replace("{folder}", str(FOLDER))

    text, exit_code = check([file.name])

    assert (text + "\n", exit_code) == (expected, 78)


def test_the_mistakes_are_many() -> None:
    """Each malformed file has its expectation, and none is left over."""
    expectations = {file.stem for file in FOLDER.glob("*.txt")}
    assert expectations == {file.stem for file in FILES}
    assert len(FILES) >= 90
