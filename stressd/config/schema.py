"""The JSON Schema of a configuration, for editors: completion, hover texts, red underlines.

It is the model's own, with two changes. Units are shown as text (`20s`), not as what they are
parsed into. And wherever a value may stand, `${env:NAME}` may stand too, or editors would
underline what is right.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from stressd.config.model import Config
from stressd.config.units import TextValue

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {
    "title": "Environment variable",
    "type": "string",
    "pattern": r"\$\{env:[A-Za-z_][A-Za-z0-9_]*(:-[^{}]*)?\}",
}
_REFERENCE = {"$ref": "#/$defs/Variable"}
_SHOWN = ("description", "default")  # belong to a property, whatever its value is


class _Generator(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        return str(dft) if isinstance(dft, TextValue) else super().encode_default(dft)


def schema() -> str:
    """The schema as JSON text, the same each time."""
    found = Config.model_json_schema(schema_generator=_Generator)
    for part in (found, *found["$defs"].values()):
        _revise(part)
    found["$defs"]["Variable"] = _VARIABLE
    return json.dumps({"$schema": _DIALECT, **found}, indent=2) + "\n"


def _revise(part: dict[str, Any]) -> None:
    """Let each property that holds one value hold a variable, and drop what says nothing."""
    for name, value in part.get("properties", {}).items():
        value.pop("title", None)
        if value.get("default") is None or isinstance(value["default"], dict):
            value.pop("default", None)  # nothing, or a section that says it better itself
        _revise(value)
        if _holds_one_value(value):
            part["properties"][name] = _or_variable(value)


def _holds_one_value(value: dict[str, Any]) -> bool:
    if "const" in value:
        return False  # it chooses what the keys beside it mean
    single = value.get("type") in ("integer", "number", "boolean")
    return single or not {"enum", "pattern", "anyOf"}.isdisjoint(value)


def _or_variable(value: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value[key] for key in _SHOWN if key in value}
    own = {key: value[key] for key in value if key not in _SHOWN}
    arms = [arm for arm in own.get("anyOf", [own]) if arm != {"type": "null"}]
    flat = [inner for arm in arms for inner in arm.get("anyOf", [arm])]
    return {**shown, "anyOf": [*flat, _REFERENCE]}
