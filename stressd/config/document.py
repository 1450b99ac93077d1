"""A YAML file as plain data, with the place of every value in it.

PyYAML composes nodes, which carry marks; values are read by `scalars` instead of PyYAML's own
rules. What cannot be read at all ends in `BadConfig`; what is merely wrong in one place becomes
a problem, and reading goes on, so that one look finds all of them.

    bytes --decode--> text --compose--> nodes --Reader--> data, places, problems

Strictness, each with its reason
    duplicate keys     PyYAML lets the last one win without a word
    tags, merge keys   a second way to write what can be written plainly
    aliases            allowed, but followed only so far: nine lines can stand for a billion
    tabs               allowed by no YAML; PyYAML's message does not say "tab"
    one document       a second one would be ignored

`${env:NAME}` stands for an environment variable and `${env:NAME:-text}` for it or, where it is
unset or empty, for `text`. The result is read as if it stood there unquoted, so it can be a
number. Single-quoted text is taken as it stands.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from stressd import limits
from stressd.config.scalars import Scalar, is_safe, read_plain
from stressd.config.syntax import compose, refuse
from stressd.errors import BadConfig, Problem

Path = tuple[str | int, ...]

_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}|\$\{[^{}]*\}?")
_WORD = re.compile(r"[A-Za-z0-9_.-]+")
_ENV_FORM = "must be ${env:NAME} or ${env:NAME:-default}; in single quotes it is plain text"
_GOT_MAX = 60


@dataclass(frozen=True)
class Place:
    """Where a value stands, where its key stands, and what to quote of it (from 1)."""

    line: int
    column: int
    key_line: int
    key_column: int
    got: str


@dataclass
class Document:
    """One file, read."""

    file: str
    raw: bytes
    text: str
    data: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    troubled: set[Path] = field(default_factory=set)  # values that could not be read

    def problem(self, path: Path, message: str, *, at_key: bool = False, got: str = "") -> Problem:
        """Say what is wrong with `path`; a path that the file lacks is shown at its parent."""
        known = next(path[:n] for n in range(len(path), -1, -1) if path[:n] in self.places)
        place = self.places[known]
        at_key = at_key and known == path
        line, column = (place.key_line, place.key_column) if at_key else (place.line, place.column)
        return Problem(self.file, line, column, dotted(path), message, got)

    def override(self, path: Path, text: str) -> None:
        """Put a value of the command line in the place of the file's, be that right or wrong."""
        self.troubled.discard(path)
        self.problems = [found for found in self.problems if found.path != dotted(path)]
        parent = self.data
        for step in path[:-1]:
            if not isinstance(parent, dict):
                return  # whatever stands there instead is reported anyway
            parent = parent.setdefault(step, {})
        if isinstance(parent, dict):
            value = read_plain(text) if is_safe(text) else text
            parent[path[-1]] = value
            got = f"{shorten(text) if isinstance(value, str) else text} on the command line"
            self.places[path] = Place(0, 0, 0, 0, got)

    def has_inside(self, path: Path) -> bool:
        """Whether the list or mapping at `path` has anything in it."""
        return any(len(other) > len(path) and other[: len(path)] == path for other in self.places)

    def got(self, path: Path) -> str:
        """What the file has at `path`."""
        return self.places[path].got if path in self.places else ""


def dotted(path: Path) -> str:
    """`("workers", 0, "mix")` as `workers[0].mix`; a key that is no word is quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _WORD.fullmatch(step) else shorten(step))
    return text


def shorten(value: object) -> str:
    """The `repr` of a value, cut to a length that fits a line."""
    text = repr(value)
    return text if len(text) <= _GOT_MAX else f"{text[: _GOT_MAX - 4]}...{text[-1]}"


def read_document(file: str, env: Mapping[str, str] = os.environ) -> Document:
    """Read a file, or raise BadConfig when there is nothing to go on with."""
    raw = _read_bytes(file)
    text = _decode(file, raw)
    document = Document(file, raw, text)
    node = compose(file, text)
    if node is None:
        raise refuse(file, 1, 1, "is empty; a configuration begins with `version: 1`")
    document.data = _Reader(document, env).read(node, (), node)
    return document


def _read_bytes(file: str) -> bytes:
    try:
        with open(file, "rb") as stream:
            raw = stream.read(limits.CONFIG_BYTES_MAX + 1)
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or str(failure)
        raise refuse(file, 0, 0, f"cannot be read: {reason}") from None
    if len(raw) > limits.CONFIG_BYTES_MAX:
        size = limits.CONFIG_BYTES_MAX // 1024
        raise refuse(file, 0, 0, f"is larger than {size}KiB, too large for a configuration")
    return raw


def _decode(file: str, raw: bytes) -> str:
    """The text of a file; the first byte or character that is not text is named."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        before = raw[: failure.start].decode("utf-8-sig", errors="replace")
        byte = f"byte 0x{failure.object[failure.start]:02x}"
        raise refuse(file, *_place(before, len(before)), "is not UTF-8 text", byte) from None
    if bad := yaml.reader.Reader.NON_PRINTABLE.search(text):
        code = f"character 0x{ord(bad.group()):02x}"
        raise refuse(file, *_place(text, bad.start()), "is not text", code)
    return text


def _place(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _collection(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list" if node.value else "[]"
    return "a mapping" if node.value else "{}"


class _Reader:
    """Turns nodes into data, noting places and problems on the way."""

    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        self.document = document
        self.env = env
        self.nodes = 0
        self.open: list[yaml.Node] = []  # what encloses the value being read

    def read(self, node: yaml.Node, path: Path, key: yaml.Node) -> object:
        """The value of `node`, which stands at `path` under `key`."""
        self.document.places[path] = Place(
            node.start_mark.line + 1,
            node.start_mark.column + 1,
            key.start_mark.line + 1,
            key.start_mark.column + 1,
            _collection(node),
        )
        self._refuse_endless(node, path)
        self.open.append(node)
        value = self._value(node, path)
        self.open.pop()
        return value

    def _refuse_endless(self, node: yaml.Node, path: Path) -> None:
        """Aliases can repeat, nest, or contain what they stand in, without any end."""
        self.nodes += 1
        message = ""
        if node in self.open:
            message = "an alias stands inside what it repeats"
        elif len(self.open) >= limits.CONFIG_DEPTH_MAX:
            message = "nests too deep once aliases are followed"
        elif self.nodes > limits.CONFIG_NODES_MAX:
            message = f"more than {limits.CONFIG_NODES_MAX} values once aliases are followed"
        if message:
            raise BadConfig([self.document.problem(path, message)])

    def _value(self, node: yaml.Node, path: Path) -> object:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, n), item) for n, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        out: dict[str, object] = {}
        for key, value in node.value:
            at = key.start_mark
            if not isinstance(key, yaml.ScalarNode):
                self._problem(path, at, "a key must be a word")
            elif key.value == "<<":
                self._trouble((*path, "<<"), at, "merge keys are not supported; write the keys out")
            elif key.value in out:
                first = self.document.places[(*path, key.value)].key_line
                self._trouble((*path, key.value), at, f"is a duplicate key; first at line {first}")
            else:
                out[key.value] = self.read(value, (*path, key.value), key)
        return out

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Scalar:
        if node.style == "'":
            self._note(path, shorten(node.value))
            return str(node.value)
        text = self._substitute(node, path)
        try:
            value = read_plain(text) if node.style is None or text != node.value else text
        except ValueError as trap:
            self._trouble(path, node.start_mark, str(trap), text)
            return None
        shown = shorten(text) if isinstance(value, str) else text or "nothing"
        self._note(path, shown if text == node.value else f"{shown} from {shorten(node.value)}")
        return value

    def _substitute(self, node: yaml.ScalarNode, path: Path) -> str:
        def value_of(match: re.Match[str]) -> str:
            name, default = match[1], match[2]
            if name is None:
                self._trouble(path, self._mark(node, match), _ENV_FORM, shorten(match[0]))
                return ""
            if name not in self.env and default is None:
                message = f"the environment variable {name} is not set, and no default is given"
                self._trouble(path, self._mark(node, match), message, shorten(match[0]))
            return self.env.get(name) or (default or "")

        return _ENV.sub(value_of, node.value)

    def _mark(self, node: yaml.ScalarNode, match: re.Match[str]) -> yaml.Mark:
        """Where in the file a substitution stands; where the value begins, if it is folded."""
        start, end = node.start_mark, node.end_mark
        index = self.document.text.find(match[0], start.index, end.index)
        if index < 0 or start.line != end.line:
            return start
        column = start.column + index - start.index
        return yaml.Mark(start.name, index, start.line, column, None, 0)

    def _note(self, path: Path, got: str) -> None:
        self.document.places[path] = replace(self.document.places[path], got=got)

    def _trouble(self, path: Path, mark: yaml.Mark, message: str, got: str = "") -> None:
        self.document.troubled.add(path)
        self._problem(path, mark, message, got)

    def _problem(self, path: Path, mark: yaml.Mark, message: str, got: str = "") -> None:
        file, line, column = self.document.file, mark.line + 1, mark.column + 1
        self.document.problems.append(Problem(file, line, column, dotted(path), message, got))
