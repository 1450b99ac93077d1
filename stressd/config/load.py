"""From a file to a configuration: the one way in.

    read_document   text, data, places              syntax problems end it here
    Config          every field by itself           explain
    check           between fields, this machine     checks

All problems of a file are reported at once. Checks between fields need a whole configuration;
when some fields are wrong, they run on what is left without those, if that makes a whole one.
"""

from __future__ import annotations

import copy
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from stressd import resources
from stressd.config.checks import check
from stressd.config.document import Document, Path, read_document
from stressd.config.explain import explain, genuine, path_of
from stressd.config.model import Config
from stressd.errors import BadConfig, Problem
from stressd.limits import NAME_MAX

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True)
class Loaded:
    """A valid configuration, and the file it came from."""

    config: Config
    document: Document

    @property
    def file(self) -> str:
        """The name of the file, as it was given."""
        return self.document.file

    @property
    def raw(self) -> bytes:
        """What the file held, byte for byte."""
        return self.document.raw

    @property
    def sha256(self) -> str:
        """Digest of the file, to tell runs of different files apart."""
        return hashlib.sha256(self.raw).hexdigest()

    def bad(self, path: str, message: str) -> BadConfig:
        """The error to raise when a key turns out wrong later on: `tree.arena` does not fit."""
        steps = _steps(path)
        problem = self.document.problem(steps, message, got=self.document.got(steps))
        return BadConfig([problem])


def load_config(file: str | os.PathLike[str], overrides: Mapping[str, str] | None = None) -> Loaded:
    """Read, check and freeze the configuration in `file`, or raise BadConfig.

    overrides   values that take the place of the file's, by dotted path: {"run.duration": "5s"}
    """
    document = read_document(os.fspath(file))
    _name_run(document)
    for path, text in (overrides or {}).items():
        document.override(_steps(path), text)
    config, problems = _validate(document)
    if problems or config is None:
        raise BadConfig(problems)
    return Loaded(config, document)


def _steps(path: str) -> Path:
    return tuple(int(index) if index else key for key, index in _STEP.findall(path))


def _name_run(document: Document) -> None:
    """A run without a name is called like its file."""
    if isinstance(document.data, dict):
        run = document.data.setdefault("run", {})
        if isinstance(run, dict) and "name" not in run:
            stem = os.path.splitext(os.path.basename(document.file))[0]
            plain = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("._-")[:NAME_MAX]
            run["name"] = plain or "run"


def _validate(document: Document) -> tuple[Config | None, list[Problem]]:
    """The configuration, if its fields allow one, and all that is wrong with it."""
    problems, wrong = list(document.problems), set(document.troubled)
    config: Config | None = None
    try:
        config = _build(document, document.data)
    except ValidationError as failure:
        found = genuine(document, failure)
        problems += explain(document, found)
        wrong |= {path_of(error) for error in found}
    rest = config or _without(document, wrong)
    for path, message, at_key in check(rest) if rest else ():
        if not any(_overlap(path, other) for other in wrong):
            got = "" if at_key else document.got(path)
            problems.append(document.problem(path, message, at_key=at_key, got=got))
    return config, problems


def _overlap(one: Path, other: Path) -> bool:
    """Whether one of two paths stands inside the other."""
    return all(a == b for a, b in zip(one, other, strict=False))


def _build(document: Document, data: object) -> Config:
    folder = os.path.dirname(os.path.abspath(document.file))
    context = {"folder": folder, "recordings": resources.recordings()}
    return Config.model_validate(data, context=context)


def _without(document: Document, wrong: set[Path]) -> Config | None:
    """What the file says apart from its wrong values, if that is a configuration."""
    data = copy.deepcopy(document.data)
    for path in wrong:
        _remove(data, path)
    try:
        return _build(document, data)
    except ValidationError:
        return None


def _remove(data: Any, path: Path) -> None:
    """Take away one key, if it is there; entries of lists stay, or the others would move."""
    try:
        for step in path[:-1]:
            data = data[step]
        if isinstance(data, dict):
            data.pop(path[-1], None)
    except (LookupError, TypeError):
        return
