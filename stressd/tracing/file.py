"""The file of a trace: FILE.partial while it is written, then FILE.

What stood at FILE before stays until then. `FILE.partial` is locked, so that two processes do
not write one file. A name that ends in .gz is compressed. No file grows beyond its limit.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import os
from pathlib import Path
from typing import IO

from stressd.errors import UserError

PARTIAL = ".partial"
GZIP_LEVEL = 1  # half the size of the best, in a tenth of the time: who writes must keep up
MARGIN = 1 << 17  # bytes of the limit that are kept for what a compressor holds back, and an end


class TraceFileError(UserError):
    """The file cannot be written."""


class TraceFile:
    """One file, open for writing from the start; `finish` gives it its name."""

    def __init__(self, path: Path, limit: int) -> None:
        """Create it; TraceFileError if that cannot be.

        limit  bytes, on disk
        """
        self.path = path
        self.partial = path.with_name(path.name + PARTIAL)
        self.limit = limit
        self._size = 0  # once it is closed
        self._used = False
        try:
            if path.is_dir():
                raise IsADirectoryError(0, "is a folder", str(path))
            self._raw = _locked(self.partial)
        except OSError as failure:
            raise self._error(failure) from failure
        self._file: IO[bytes] | gzip.GzipFile = self._raw
        if path.name.endswith(".gz"):
            self._file = gzip.GzipFile(path.name, "wb", GZIP_LEVEL, self._raw)

    @property
    def size(self) -> int:
        """Bytes on disk; what a compressor holds back, or is still in a buffer, counts later."""
        return self._raw.tell() if not self._raw.closed else self._size

    def takes(self, text: str) -> bool:
        """Add whole lines; False, and nothing is added, if the file would grow beyond its limit.

        Raises TraceFileError if it cannot be written.
        """
        data = text.encode()
        if self.size + len(data) > self.limit - MARGIN:
            return False
        self.add(data)
        return True

    def add(self, data: bytes) -> None:
        """Add what is in the margin: a last line."""
        self._used = True
        try:
            self._file.write(data)
        except OSError as failure:
            raise self._error(failure) from failure

    def finish(self) -> None:
        """Put everything on disk and give the file its name."""
        try:
            if self._file is not self._raw:
                self._file.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
            self._size = self._raw.tell()
            self._raw.close()
            self.partial.rename(self.path)
        except OSError as failure:
            raise self._error(failure) from failure

    def abandon(self) -> None:
        """Close it as it is: what could be written stays in the partial file."""
        self._size = self.size
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._raw.close()

    def forget(self) -> None:
        """Make it never have been, if nothing was ever written to it; else do nothing."""
        if not self._used:
            self.abandon()
            self.partial.unlink(missing_ok=True)

    def _error(self, failure: OSError) -> TraceFileError:
        """Return the user's form of an error."""
        return TraceFileError(f"{self.path}: cannot be written: {failure.strerror or failure}")


def _locked(path: Path) -> IO[bytes]:
    """Open and empty a file that no other process writes."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(file, 0)
    except OSError as failure:
        os.close(file)
        if isinstance(failure, BlockingIOError):
            raise BlockingIOError(failure.errno, "another process writes it") from failure
        raise
    return os.fdopen(file, "wb")
