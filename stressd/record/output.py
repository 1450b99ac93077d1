"""Files that appear whole or not at all: written beside their place, renamed when finished."""

from __future__ import annotations

import gzip
import io
import os

from stressd.errors import UsageError

LEVEL = 6  # of compression: higher ones are slower than strace
PARTIAL = ".partial"


class Output:
    """One file, compressed if its name ends with .gz."""

    def __init__(self, path: str) -> None:
        self.path = path
        if os.path.isdir(path):
            raise UsageError(f"{path}: cannot be written (Is a directory)")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._raw = os.fdopen(os.open(path + PARTIAL, flags, 0o644), "wb")
        except OSError as failure:
            raise UsageError(f"{path}: cannot be written ({failure.strerror})") from None
        self._stream: io.BufferedWriter | gzip.GzipFile = self._raw
        if path.endswith(".gz"):
            self._stream = gzip.GzipFile("", "wb", LEVEL, self._raw, mtime=0)

    def write(self, data: bytes) -> None:
        """Add a piece."""
        try:
            self._stream.write(data)
        except OSError as failure:
            raise UsageError(f"{self.path}: cannot be written ({failure.strerror})") from None

    def finish(self) -> None:
        """Let the file appear."""
        try:
            if self._stream is not self._raw:
                self._stream.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
            self._raw.close()
            os.replace(self.path + PARTIAL, self.path)
        except OSError as failure:
            raise UsageError(f"{self.path}: cannot be written ({failure.strerror})") from None

    def discard(self) -> None:
        """Leave nothing behind; a file that has appeared stays."""
        try:
            self._raw.close()
            os.unlink(self.path + PARTIAL)
        except OSError:
            pass
