"""The folder of one run: whole, or plainly marked as not.

    <runs>/20260131T235959Z-quickstart-3fa91c.partial/     while the run lasts
    <runs>/20260131T235959Z-quickstart-3fa91c/             once everything in it is on disk

    config.yaml       the input, byte for byte
    effective.yaml    the same with defaults and command-line options filled in
    log.jsonl         what the daemon did
    findings.jsonl    what the oracles saw
    samples.jsonl     one line an interval: rates, latencies, lag, backlog
    summary.json      the verdict and all totals

The name loses `.partial` by one rename, after every file was synced and summary.json itself was
renamed into place. A process that is killed leaves a `.partial` behind, never half a run that
looks whole. A reader needs no more than the name.

The folder is locked (flock on the directory itself, so that no lock file stays behind and the
lock follows the rename) from its creation to the end of the process.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from stressd.errors import RunFolderLocked, UserError
from stressd.limits import NAME_MAX

PARTIAL = ".partial"


class RunFolderError(UserError):
    """The folder cannot be written: no space, no permission, not a directory."""


def folder_name(name: str, now: datetime) -> str:
    """Return a name that sorts by time, reads well, and is not taken."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:NAME_MAX] or "run"
    return f"{now:%Y%m%dT%H%M%SZ}-{plain}-{secrets.token_hex(3)}"


def writing_error(path: Path, failure: OSError) -> RunFolderError:
    """Return the user's form of an error while writing `path`."""
    return RunFolderError(f"{path}: cannot be written: {failure.strerror or failure}")


def jsonl(record: Mapping[str, Any]) -> str:
    """Return `record` on one line; what JSON does not know is written as text."""
    return json.dumps(record, ensure_ascii=False, default=str) + "\n"


class RunFolder:
    """A created and locked folder; `finish` makes it whole, `remove` makes it never have been."""

    def __init__(self, final: Path) -> None:
        """Create `<final>.partial` and lock it."""
        self.final = final
        self.path = final.with_name(final.name + PARTIAL)
        self._files: dict[str, IO[str]] = {}
        self._made_parents = _missing_parents(self.path)
        try:
            _make_folder(self.path.parent)
            _refuse_taken(final)
            _set_aside(final)
            self.path.mkdir()
            self._lock = _lock(self.path)
        except OSError as failure:
            self._remove_parents()
            raise writing_error(Path(failure.filename or self.path), failure) from failure

    @classmethod
    def create(cls, runs: Path, name: str) -> RunFolder:
        """Create a fresh folder below `runs`."""
        return cls(runs / folder_name(name, datetime.now(UTC)))

    def open(self, name: str) -> IO[str]:
        """Open a file of the folder for appending; it is synced and closed at the end."""
        if name not in self._files:
            try:
                self._files[name] = (self.path / name).open("a", encoding="utf-8", buffering=1)
            except OSError as failure:
                raise writing_error(self.path / name, failure) from failure
        return self._files[name]

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file at once."""
        try:
            (self.path / name).write_bytes(data)
        except OSError as failure:
            raise writing_error(self.path / name, failure) from failure

    def append(self, name: str, record: Mapping[str, Any]) -> None:
        """Add one JSON line to a file."""
        try:
            self.open(name).write(jsonl(record))
        except OSError as failure:
            raise writing_error(self.path / name, failure) from failure

    def finish(self, summary: Mapping[str, Any]) -> Path:
        """Write the summary, sync everything, and take `.partial` off the name."""
        try:
            self._close_files()
            _write_synced(self.path / "summary.json", json.dumps(summary, indent=2, default=str))
            _sync(self.path)
            self.path.rename(self.final)
            _sync(self.final.parent)
        except OSError as failure:
            raise writing_error(self.path, failure) from failure
        self.path = self.final
        return self.final

    def remove(self) -> None:
        """Leave nothing behind: the run was refused before it began."""
        for file in self._files.values():
            with contextlib.suppress(OSError):
                file.close()
        self._files.clear()
        shutil.rmtree(self.path, ignore_errors=True)
        self._remove_parents()
        os.close(self._lock)

    def _close_files(self) -> None:
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
            file.close()
        self._files.clear()

    def _remove_parents(self) -> None:
        for parent in self._made_parents:
            with contextlib.suppress(OSError):
                parent.rmdir()


def _missing_parents(path: Path) -> list[Path]:
    """Return the parents that have to be made, innermost first."""
    return [parent for parent in path.parents if not os.path.lexists(parent)]


def _make_folder(path: Path) -> None:
    """Make a folder and its parents, unless it is there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None


def _refuse_taken(final: Path) -> None:
    """A folder without `.partial` is a finished run (or somebody's files): never touch it."""
    if os.path.lexists(final) and not (final.is_dir() and not any(final.iterdir())):
        raise RunFolderError(f"{final}: exists already; name a folder that does not")


def _lock(path: Path) -> int:
    """Lock the directory at `path` and return the descriptor that holds the lock."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as failure:
        os.close(descriptor)
        if failure.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise RunFolderLocked(f"{path}: another stressd is writing to it") from failure
        raise
    return descriptor


def _set_aside(final: Path) -> None:
    """Keep what a killed run left there under another name: it may be the only evidence."""
    left = final.with_name(final.name + PARTIAL)
    if not left.is_dir():
        return
    descriptor = _lock(left)
    try:
        left.rename(final.with_name(f"{final.name}-{secrets.token_hex(3)}{PARTIAL}"))
    finally:
        os.close(descriptor)


def _write_synced(path: Path, text: str) -> None:
    """Write `path` so that it is there completely or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def _sync(directory: Path) -> None:
    """Make renames inside `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
