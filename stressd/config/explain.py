"""What pydantic found wrong, said of a place in the file and in words for its writer.

pydantic names the model's view of a value: union tags stand in its paths, and its messages speak
of dictionaries and tuples. `explain` walks the model along such a path, drops what the file does
not show, and finds on the way which keys would have been right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Any, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from stressd.config.document import Document, Path, dotted
from stressd.config.fields import OP_NAMES
from stressd.config.model import Config
from stressd.errors import Problem

Model = type[BaseModel]
Error = Mapping[str, Any]  # as ValidationError.errors() gives it: type, loc, msg, input, ctx

_SAID = {
    "missing": "is required",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text; put it in quotes",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_unicode": "must be text that UTF-8 can hold",
    "finite_number": "must be finite",
    "greater_than": "must be > {gt}",
    "greater_than_equal": "must be >= {ge}",
    "less_than": "must be < {lt}",
    "less_than_equal": "must be <= {le}",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list, as [a, b]",
    "too_short": "must not be empty",
    "too_long": "can have at most {max_length} entries",
}


def genuine(document: Document, failure: ValidationError) -> list[Error]:
    """pydantic's errors, without the shortness of a list that only its wrong entries emptied."""
    return [
        error
        for error in failure.errors(include_url=False)
        if error["type"] != "too_short" or not document.has_inside(path_of(error))
    ]


def path_of(error: Error) -> Path:
    """The path of the value that pydantic found wrong, as the file shows it."""
    return _follow(error["loc"])[0]


def explain(document: Document, errors: Iterable[Error]) -> Iterator[Problem]:
    """Problems for pydantic's errors, except for values that could not even be read."""
    for error in errors:
        path, model, variants = _follow(error["loc"])
        if error["type"].startswith("union_tag"):
            path = (*path, "kind")
        merged = error["type"] == "missing" and (*path[:-1], "<<") in document.troubled
        if path not in document.troubled and not merged:
            yield _problem(document, error, path, model, variants)


def _problem(
    document: Document,
    error: Error,
    path: Path,
    model: Model | None,
    variants: dict[str, Model],
) -> Problem:
    kind, got = error["type"], document.got(path)
    context = error.get("ctx", {})
    if kind == "extra_forbidden":
        return document.problem(path, _unknown_key(path, model), at_key=True)
    if error["loc"][-1:] == ("[key]",):
        near = _nearest(str(path[-1]), OP_NAMES) or f"; there are {', '.join(OP_NAMES)}"
        return document.problem(path, f"is not an operation{near}", at_key=True)
    if kind == "value_error":
        return document.problem(path, str(context["error"]), got=got)
    if kind.startswith("union_tag") or kind == "literal_error":
        options = tuple(variants) or _quoted(context["expected"])
        near = _nearest(_text(context.get("tag", error["input"])), options[1:] and options)
        required = "is required: " if kind == "union_tag_not_found" else "must be "
        return document.problem(path, f"{required}{_either(options)}{near}", got=got)
    bounds = {key: _bound(value) for key, value in context.items()}
    return document.problem(path, _SAID.get(kind, str(error["msg"])).format(**bounds), got=got)


def _follow(loc: tuple[int | str, ...]) -> tuple[Path, Model | None, dict[str, Model]]:
    """The path that the file shows for `loc`, the model that holds its end, and the variants
    that the end itself may have.

    Source: pydantic puts the tag of a union, and "[key]" for a key of a dict, into its paths.
    """
    shape: object = Config
    path: Path = ()
    model: Model | None = None
    for step in loc:
        if variants := _variants(shape):
            shape = variants[str(step)]
        elif step != "[key]" or _is_model(shape):
            model = shape if _is_model(shape) else None
            path = (*path, step)
            shape = _child(shape, step)
    return path, model, _variants(shape)


def _is_model(shape: object) -> TypeGuard[Model]:
    return isinstance(shape, type) and issubclass(shape, BaseModel)


def _variants(shape: object) -> dict[str, Model]:
    """Models of a union, by the `kind` that chooses each."""
    if get_origin(shape) not in (Union, UnionType):
        return {}
    models = [arm for arm in get_args(shape) if _is_model(arm)]
    return {get_args(arm.model_fields["kind"].annotation)[0]: arm for arm in models}


def _child(shape: object, step: int | str) -> object:
    """The annotation of what stands at `step` of a model or a list; None where it ends."""
    if _is_model(shape):
        known = shape.model_fields.get(str(step))
        return known.annotation if known else None
    if get_origin(shape) is tuple:
        return get_args(shape)[0]
    return float if get_origin(shape) is dict else None


def _unknown_key(path: Path, model: Model | None) -> str:
    key, here = str(path[-1]), re.sub(r"\d+(?=\])", "", dotted(path))
    known = list(model.model_fields) if model else []
    homes = [home for home in _homes(Config) if home.rpartition(".")[2] == key and home != here]
    if near := _nearest(key, known):
        return f"is not a known key{near}"
    if 1 <= len(homes) <= 2:
        return f"is not a known key here; did you mean {' or '.join(homes)}?"
    return f"is not a known key; known here: {', '.join(known)}"


def _homes(shape: object, path: str = "") -> Iterator[str]:
    """The dotted path of every key there is."""
    if get_origin(shape) is tuple:
        yield from _homes(get_args(shape)[0], f"{path}[]")
    for model in _variants(shape).values() if not _is_model(shape) else (shape,):
        for name, known in model.model_fields.items():
            home = f"{path}.{name}" if path else name
            yield home
            yield from _homes(known.annotation, home)


def _nearest(word: str, options: Iterable[str]) -> str:
    near = get_close_matches(word.lower(), options, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _bound(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _quoted(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"'([^']*)'", text))


def _either(options: tuple[str, ...]) -> str:
    *others, last = (repr(option) for option in options)
    return f"{', '.join(others)} or {last}" if others else last


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
