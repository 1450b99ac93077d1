"""Types of single fields: what one value may be, said in words a user can act on.

A validator raises ValueError with the end of the sentence that begins with the field's path:
`workers[0].name: must begin with a letter or digit ...`. Relative paths of input files start at
the folder of the configuration file, which arrives as validation context.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)

from stressd import limits
from stressd.config.units import Quantity, Size
from stressd_kernels.ops.catalog import OPS

OP_NAMES = tuple(op.name for op in OPS)
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
PATH_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1})


def between(low: Quantity, high: Quantity, or_zero: bool = False) -> AfterValidator:
    """Bound a quantity from both sides, both included; `or_zero` lets 0 pass as well."""

    def check(value: Quantity) -> Quantity:
        zero = "0 or " if or_zero else ""
        if value < low and not (or_zero and value.amount == 0):
            raise ValueError(f"must be {zero}>= {low}")
        if value > high:
            raise ValueError(f"must be <= {high}")
        return value

    return AfterValidator(check)


def power_of_two(value: Size) -> Size:
    """Cells are cut by a shift."""
    if value.amount & (value.amount - 1):
        raise ValueError("must be a power of two")
    return value


def exactly_one(value: object) -> object:
    """1, and nothing that merely equals it: Python takes True and 1.0 for 1."""
    if type(value) is not int or value != 1:
        raise ValueError("must be 1, the only version there is")
    return value


def name(value: str) -> str:
    """A label value of metrics and a part of folder names."""
    if not re.fullmatch(NAME_PATTERN, value):
        raise ValueError("must begin with a letter or digit and hold only those and . _ -")
    return value


def pid(value: object) -> int | str:
    """A process: whether it is there is looked up later, in `checks`."""
    if value == "self":
        return "self"
    if type(value) is not int or not 1 <= value <= limits.PID_MAX:
        raise ValueError("must be self or the id of a process")
    return value


def operation(value: str) -> str:
    """The name of an operation of the kernels' catalogue."""
    if value not in OP_NAMES:
        raise ValueError("is not an operation")
    return value


def recording(value: str, info: ValidationInfo) -> str:
    """The bare name of a shipped recording stays as it is; all else is a path."""
    shipped = (info.context or {}).get("recordings", ())
    return value if value in shipped else _beside(value, info)


def input_path(value: object, info: ValidationInfo) -> Path | None:
    """A file to read."""
    if value is None or isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("must be the path of a file")
    return Path(_beside(value, info))


def folder(value: object) -> Path:
    """A folder to write to; it stays relative to where the command runs."""
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("must be the path of a folder")
    return Path(os.path.expanduser(value))


def validation(value: object) -> int | str:
    """How often structures are compared: around each call, after so many of them, or never."""
    if value in ("inline", "off"):
        return str(value)
    if type(value) is not int or not 1 <= value <= limits.VALIDATION_MAX:
        most = f"{limits.VALIDATION_MAX:,}"
        raise ValueError(f"must be inline, off, or a number of calls from 1 to {most}")
    return value


def output_file(value: object) -> Path | None:
    """A file to write; it stays relative to where the command runs."""
    if value is None or isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("must be the path of a file")
    return Path(os.path.expanduser(value))


def _beside(value: str, info: ValidationInfo) -> str:
    start = (info.context or {}).get("folder", "")
    return os.path.join(start, os.path.expanduser(value))


def _whole_pages(value: Size | None) -> Size | None:
    if value is not None and (value.amount % limits.PAGE or not value.amount):
        raise ValueError(f"must be whole pages of {limits.PAGE} bytes")
    return value


def _plain_weight(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


Name = Annotated[
    str,
    Field(max_length=limits.NAME_MAX),
    AfterValidator(name),
    WithJsonSchema({"type": "string", "pattern": NAME_PATTERN, "maxLength": limits.NAME_MAX}),
]
Op = Annotated[str, AfterValidator(operation)]
Weight = Annotated[
    float,
    Field(gt=0, le=limits.WEIGHT_MAX),
    PlainSerializer(_plain_weight, when_used="json"),
]
Share = Annotated[
    float,
    Field(ge=0, le=limits.WEIGHT_MAX),
    PlainSerializer(_plain_weight, when_used="json"),
]
Bytes = Annotated[Size | None, AfterValidator(_whole_pages)]
Validation = Annotated[
    int | Literal["inline", "off"],
    PlainValidator(validation),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["inline", "off"]},
                {"type": "integer", "minimum": 1, "maximum": limits.VALIDATION_MAX},
            ]
        }
    ),
]
Pid = Annotated[
    int | Literal["self"],
    PlainValidator(pid),
    WithJsonSchema(
        {"anyOf": [{"const": "self"}, {"type": "integer", "minimum": 1, "maximum": limits.PID_MAX}]}
    ),
]
MIX_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        op.name: {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": limits.WEIGHT_MAX,
            "description": op.description,
        }
        for op in OPS
    },
    "additionalProperties": False,
    "minProperties": 1,
}
