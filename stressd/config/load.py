"""From a file to a configuration: the one way in.

    read_document   text, data, places              syntax problems end it here
    Config          every field by itself           explain
    CHECKS          between fields, this machine     checks

All problems of a file are reported at once. Checks between fields need a whole configuration;
when some fields are wrong, they run on what is left without those, if that makes a whole one.
"""

from __future__ import annotations

import copy
import hashlib
import os
import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from stressd.config.checks import CHECKS
from stressd.config.document import Document, Path, read_document
from stressd.config.explain import explain
from stressd.config.model import Config
from stressd.config.recordings import shipped_recordings
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
    def text(self) -> str:
        """What the file held, before substitution."""
        return self.document.text

    @property
    def sha256(self) -> str:
        """Digest of the file, to tell two runs of different files apart."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def bad(self, path: str, message: str) -> BadConfig:
        """The error to raise when a key turns out wrong later on: `tree.arena` does not fit."""
        steps = tuple(int(index) if index else key for key, index in _STEP.findall(path))
        problem = self.document.problem(steps, message, got=self.document.got(steps))
        return BadConfig([problem])


def load_config(file: str | os.PathLike[str]) -> Loaded:
    """Read, check and freeze the configuration in `file`, or raise BadConfig."""
    document = read_document(os.fspath(file))
    config, problems = _validate(document)
    if problems or config is None:
        raise BadConfig(problems)
    return Loaded(config, document)


def _validate(document: Document) -> tuple[Config | None, list[Problem]]:
    problems = list(document.problems)
    wrong = set(document.troubled)
    config: Config | None = None
    try:
        config = _build(document.data, document.file)
    except ValidationError as failure:
        found = failure.errors(include_url=False)
        for problem in explain(document, found):
            problems.append(problem)
    return config, problems


def _build(data: Any, file: str) -> Config:
    folder = os.path.dirname(os.path.abspath(file))
    context = {"folder": folder, "recordings": shipped_recordings()}
    return Config.model_validate(data, context=context)
