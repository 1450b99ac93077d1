"""Errors that are the user's to mend.

A `UserError` is caught in one place, the command line, which prints its message and leaves
with its exit code; a traceback is never shown for one. Any other exception that reaches the
command line is a defect of stressd. The exit codes are those of `stressd.verdict.Exit`, written
out here because that module brings numpy with it and `stressd config check` needs none.

A message is one or more complete lines, each of which says where, what is wrong, and what was
found there:

    soak.yaml:13:13: workers[0].mix.load: must be > 0 (got -5)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from stressd.limits import PROBLEMS_MAX


class UserError(Exception):
    """Something the user can put right; `str()` is what to print."""

    exit_code: ClassVar[int] = 2


class UsageError(UserError):
    """The command line or a file named on it makes no sense."""

    exit_code: ClassVar[int] = 2


class RunFolderLocked(UserError):
    """Another process writes to the run folder."""

    exit_code: ClassVar[int] = 75


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong with one place of a file. Problems sort by place."""

    file: str
    line: int  # from 1; 0 when the file as a whole is meant
    column: int  # from 1
    path: str  # dotted, as workers[0].mix.load; "" when no key is meant
    message: str
    got: str = ""  # what stands there, as the file shows it

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        path = f"{self.path}: " if self.path else ""
        got = f" (got {self.got})" if self.got else ""
        return f"{place}: {path}{self.message}{got}"


class BadConfig(UserError):
    """A configuration that cannot be used, with all its problems in the order of the file."""

    exit_code: ClassVar[int] = 78

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        lines = [str(problem) for problem in self.problems[:PROBLEMS_MAX]]
        if len(self.problems) > PROBLEMS_MAX:
            more = len(self.problems) - PROBLEMS_MAX
            lines.append(f"{self.problems[0].file}: and {more} more problems")
        super().__init__("\n".join(lines))
