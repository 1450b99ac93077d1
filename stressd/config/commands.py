"""`stressd config check | schema | show`: text in, text and exit code out; nothing is printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

from stressd.config.load import load_config
from stressd.config.model import AddressSpaces, Config, Maps, Source, Synthetic
from stressd.config.scalars import is_text
from stressd.config.schema import schema
from stressd.errors import BadConfig, Problem

__all__ = ["check", "effective", "schema", "show"]


def check(files: Sequence[str], as_json: bool = False) -> tuple[str, int]:
    """Check files; all problems of all of them, and the exit code.

    as_json   one object per file, one a line: file, valid, problems
    """
    lines, exit_code = [], 0
    for file in files:
        try:
            loaded = load_config(file)
            lines.append(_record(file, ()) if as_json else f"{file}: ok: {summary(loaded.config)}")
        except BadConfig as bad:
            lines.append(_record(file, bad.problems) if as_json else str(bad))
            exit_code = BadConfig.exit_code
    return "\n".join(lines), exit_code


def show(file: str, as_json: bool = False) -> str:
    """The configuration that `file` amounts to, or BadConfig."""
    config = load_config(file).config
    return json.dumps(_plain(config), indent=2) if as_json else effective(config)


def effective(config: Config) -> str:
    """A configuration as YAML, defaults filled in; reading it gives the same configuration."""
    return yaml.dump(
        _plain(config), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000
    )


def summary(config: Config) -> str:
    """One line: where entries come from, who works, and for how long."""
    threads = sum(worker.threads for worker in config.workers)
    names = ", ".join(worker.name for worker in config.workers)
    who = f"{threads} thread{'s' * (threads > 1)} ({names})"
    return f"{_source(config.source)}; {who}; {config.run.duration}"


def _source(source: Source) -> str:
    if isinstance(source, AddressSpaces):
        return f"{source.spaces} address spaces, stage {source.stage}"
    if isinstance(source, Synthetic):
        return f"{source.entries} synthetic entries"
    if isinstance(source, Maps):
        return f"mappings of {source.file or f'process {source.pid}'}"
    return f"recordings {', '.join(source.files)}"


def _plain(config: Config) -> dict[str, Any]:
    return config.model_dump(mode="json", exclude_none=True)


def _record(file: str, problems: Sequence[Problem]) -> str:
    keys = ("line", "column", "path", "message", "got")
    found = [{key: getattr(problem, key) for key in keys} for problem in problems]
    return json.dumps({"file": file, "valid": not problems, "problems": found})


class _Dumper(yaml.SafeDumper):
    """Quotes what our own reading, not PyYAML's, would take for something else than text."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = is_text(text) and "${" not in text
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else "'")


_Dumper.add_representer(str, _text)
