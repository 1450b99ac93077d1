"""Text files, plain or gzip, as lines of bytes, in memory that does not grow with the file.

The file is opened once and read once, so a pipe will do. Whether it is gzip is told by its
first bytes and not by its name. `head` shows the beginning before the first line is taken, for
whoever must find out what kind of text this is.

Whatever keeps the text from being read to its end is a `TraceError` that names the file, and
the last line that was still whole.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator

from stressd.errors import UsageError

BLOCK_BYTES = 1 << 20  # read at a time: large enough that Python's share per line is the line's
LINE_BYTES_MAX = 1 << 16  # the longest real line has a path of 4 KiB; more is not a text file
GZIP_MAGIC = b"\x1f\x8b"


class TraceError(UsageError):
    """A recording or a list of mappings that cannot be read; the message names the file."""


class TextFile:
    """One file of lines, open from the start; `lines()` may be called once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.whole_lines = 0
        self._raw = _opened(path)
        packed = self._raw.peek(2)[:2] == GZIP_MAGIC
        self._stream = gzip.GzipFile(fileobj=self._raw) if packed else self._raw
        self.head = self._read()
        if not self.head:
            self.close()
            raise TraceError(f"{path}: the file is empty")

    def close(self) -> None:
        """Give the file back; reading it to its end does so too."""
        self._stream.close()
        self._raw.close()

    def lines(self) -> Iterator[bytes]:
        """Yield each line without its newline; the last one need not have had any."""
        block, rest = self.head, b""
        try:
            while block:
                if b"\0" in block:
                    raise TraceError(f"{self.path}: not a text file (it holds zero bytes)")
                parts = (rest + block).split(b"\n")
                rest = parts.pop()
                yield from parts
                self.whole_lines += len(parts)
                if len(rest) > LINE_BYTES_MAX:
                    raise TraceError(f"{self.path}: not a text file (a line without an end)")
                block = self._read()
            if rest:
                yield rest
        finally:
            self.close()

    def _read(self) -> bytes:
        """Return the next block, empty at the end of the file."""
        try:
            # read1, because read would drop what precedes the point where gzip breaks off
            return self._stream.read1(BLOCK_BYTES)
        except EOFError:
            reason = "the gzip file is truncated"
        except (gzip.BadGzipFile, zlib.error) as failure:
            reason = f"the gzip file is damaged ({failure})"
        except OSError as failure:
            reason = f"reading failed ({failure.strerror})"
        self.close()
        raise TraceError(f"{self.path}: {reason} after {self.whole_lines} whole lines")


def _opened(path: str) -> io.BufferedReader:
    """Return the bytes of the file as they are stored."""
    try:
        return open(path, "rb")
    except IsADirectoryError:
        raise TraceError(f"{path}: this is a folder, not a file") from None
    except FileNotFoundError:
        raise TraceError(f"{path}: no such file") from None
    except (OSError, ValueError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else failure
        raise TraceError(f"{path}: cannot be opened ({reason})") from None
