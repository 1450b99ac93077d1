"""What is known of open files: their paths, and from these how their mappings are placed.

A file opened twice is two files: their mappings never merge. Descriptors that are duplicated, or
inherited by fork, are the same file.
"""

from __future__ import annotations

from stressd.replay.strace.model import File
from stressd.traces import calls

NOT_HUGE = ("/dev/", "/proc/", "/sys/", "socket:", "anon_inode:", "pipe:")
SHMEM = ("/dev/shm/", "/memfd:", "/SYSV", "/run/shm/")
HUGETLB = ("/dev/hugepages/", "/anon_hugepage", "/hugetlbfs/")


def file_at(path: str, *, writable: bool = True) -> File:
    """Return a newly opened file; where it lies tells how its mappings are placed."""
    return File(
        path,
        writable=writable,
        shmem=path.startswith(SHMEM),
        zero=path == "/dev/zero",
        hugetlb=path.startswith(HUGETLB),
        huge_aligned=not path.startswith(NOT_HUGE),
    )


class Files:
    """The open files of one process, by descriptor."""

    def __init__(self, files: dict[int, File] | None = None) -> None:
        self._files = files or {}

    def copy(self) -> Files:
        """Return what a child inherits."""
        return Files(dict(self._files))

    def follow(self, record: calls.Open | calls.Close | calls.Dup) -> None:
        """Take note of a file that is opened, closed or duplicated."""
        result = record.returned.result
        if not record.returned.succeeded or result is None:
            return
        if isinstance(record, calls.Open):
            self._files[result] = file_at(record.path, writable=record.writable)
        elif isinstance(record, calls.Close):
            self._files.pop(record.number, None)
        elif record.number in self._files:
            self._files[result] = self._files[record.number]
        else:
            self._files.pop(result, None)

    def of(self, descriptor: calls.Descriptor) -> File:
        """Return the file behind a descriptor.

        One that was opened before the log, or in a way that it does not show, is known by the
        path that strace tells with the descriptor.
        """
        known = self._files.get(descriptor.number)
        if known is None or descriptor.path not in (None, known.path):
            known = self._files[descriptor.number] = file_at(descriptor.path or "")
        return known
