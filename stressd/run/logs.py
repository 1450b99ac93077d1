"""The log of a run: structured lines in the run folder, nothing on the terminal.

The terminal belongs to the live table. Whatever else happens - phases, signals, warnings of
libraries, tracebacks - is one JSON object a line in `log.jsonl`, so that a run of days can be
searched afterwards. Losing the log (a full disk) must not lose the run: a line that cannot be
written is dropped and counted.
"""

from __future__ import annotations

import logging
from typing import IO, Protocol, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger


class LogFile:
    """A text file whose writes never raise."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.dropped = 0

    def write(self, text: str) -> None:
        """Write, or count as dropped (a full disk, or the log was closed already)."""
        try:
            self._file.write(text)
        except (OSError, ValueError):
            self.dropped += 1

    def flush(self) -> None:
        """Nothing to do: the file is line-buffered."""


class Log(Protocol):
    """What the daemon needs of a logger: an event in words, facts as keywords."""

    def info(self, event: str, **facts: object) -> object: ...
    def warning(self, event: str, **facts: object) -> object: ...
    def error(self, event: str, **facts: object) -> object: ...
    def exception(self, event: str, **facts: object) -> object: ...


class Forwarder(logging.Handler):
    """Sends what libraries say through the standard `logging` to the same file."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Forward one record under the name of its logger."""
        trouble = record.exc_info if record.exc_info and record.exc_info[0] else None
        self._log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=trouble)


def open_log(file: IO[str]) -> Log:
    """Return a logger that writes JSON lines to `file`, and route `logging` and warnings there."""
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(cast("TextIO", LogFile(file))),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.INFO, handlers=[Forwarder(log)], force=True)
    return log
