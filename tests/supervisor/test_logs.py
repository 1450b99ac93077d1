"""The log: one JSON object a line, from us and from libraries, and never in the way."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest

from stressd.run.logs import LogFile, open_log


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Give the root logger back."""
    handlers = logging.getLogger().handlers[:]
    yield
    logging.captureWarnings(False)
    logging.getLogger().handlers[:] = handlers


def records(file: io.StringIO) -> list[dict[str, object]]:
    """Return what was logged."""
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_an_event_is_one_json_object_a_line() -> None:
    """With its level, its time and its facts, whatever they hold."""
    file = io.StringIO()
    open_log(file).info("phase", phase="running", odd={"a": object(), "text": "two\nlines · µ"})
    (record,) = records(file)
    assert (record["event"], record["level"], record["phase"]) == ("phase", "info", "running")
    assert str(record["timestamp"]).endswith("Z")


def test_libraries_write_to_the_same_log() -> None:
    """Their warnings and records do not appear on the terminal."""
    file = io.StringIO()
    open_log(file)
    logging.getLogger("hypercorn.error").warning("slow %s", "client")
    warnings.warn("old thing", stacklevel=1)
    first, second = records(file)
    assert (first["event"], first["logger"]) == ("slow client", "hypercorn.error")
    assert "old thing" in str(second["event"])


def test_a_traceback_is_part_of_its_line() -> None:
    """Searchable, and still one line."""
    file = io.StringIO()
    log = open_log(file)
    try:
        raise ValueError("inside")
    except ValueError as failure:
        log.error("crashed", exc_info=failure)
    (record,) = records(file)
    assert "inside" in json.dumps(record["exception"])


def test_a_log_that_cannot_be_written_is_counted() -> None:
    """A full disk or a closed file loses lines, not the run."""
    file = io.StringIO()
    log = LogFile(file)
    file.close()
    log.write("lost\n")
    assert log.dropped == 1
