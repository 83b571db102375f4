"""The inputs of a workflow as JSON Schema, and the check of values against it."""

import math
from collections.abc import Iterable
from typing import Any

from backend.core.errors import InvalidRequest
from backend.workflows.bindings.models import Binding, Kind, media_of
from backend.workflows.graph import Json
from backend.workflows.signatures import COMBO, DYNAMIC_COMBO

TYPES = {"INT": "integer", "FLOAT": "number", "STRING": "string", "BOOLEAN": "boolean"}
MAX_CHOICES = 500
_PYTHON: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
}


def json_schema(bindings: Iterable[Binding]) -> Json:
    """Return the schema of an object with the inputs of the form; every input has a default, so none is required."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {item.name: property_of(item) for item in bindings if item.natural},
        "additionalProperties": False,
    }


def property_of(item: Binding) -> Json:
    """Return the schema of one input. What JSON Schema has no word for is under `x-comfypod`."""
    signature, options = item.signature, item.signature.options
    found: Json = {"title": item.title, "default": item.default}
    if signature.type in TYPES:
        found["type"] = TYPES[signature.type]
    for key, limit in (("minimum", "min"), ("maximum", "max")):
        if isinstance(options.get(limit), (int, float)) and signature.type in ("INT", "FLOAT"):
            found[key] = options[limit]
    choices = _choices(item)
    if choices:
        # Files come and go: their menu is a suggestion, and ComfyUI has the last word.
        found["examples" if item.kind in (Kind.FILE, Kind.MODEL) else "enum"] = choices
    found["x-comfypod"] = {"kind": str(item.kind), "node": item.node_id, "input": item.input}
    if item.kind is Kind.FILE:
        found["x-comfypod"]["media"] = media_of(signature)
    return found


def checked(item: Binding, value: Any) -> Any:
    """Return the value for an input, read from text where it has to be; raise InvalidRequest when it does not fit."""
    schema = property_of(item)
    value = _from_text(value, schema.get("type"))
    expected = _PYTHON.get(schema.get("type", ""), (type(value),))
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        raise _refused(item, f"must be of type {schema['type']}")
    if isinstance(value, str) and "enum" in schema:
        value = next((choice for choice in schema["enum"] if str(choice) == value), value)
    if "enum" in schema and value not in schema["enum"]:
        shown = ", ".join(str(choice) for choice in schema["enum"][:10])
        raise _refused(item, f"must be one of: {shown}{'…' if len(schema['enum']) > 10 else ''}")
    if isinstance(value, (int, float)):
        _check_range(item, value, schema)
    return value


def _check_range(item: Binding, value: float, schema: Json) -> None:
    if not math.isfinite(value):
        raise _refused(item, "must be a finite number")
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    if not low <= value <= high:
        raise _refused(item, f"must be between {low} and {high}")


def _choices(item: Binding) -> list[Any]:
    """Return what the menu offers, with the present value even if it is not installed yet."""
    signature = item.signature
    if signature.type == DYNAMIC_COMBO:
        offered = list(signature.branches)
    else:
        offered = list(signature.choices[:MAX_CHOICES]) if signature.type == COMBO else []
    return offered if not offered or item.default in offered else [item.default, *offered]


def _from_text(value: Any, kind: str | None) -> Any:
    """Command lines and CSV files have texts only."""
    if not isinstance(value, str) or kind in (None, "string"):
        return value
    if kind == "boolean":
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
            value.strip().lower(), value
        )
    try:
        return int(value) if kind == "integer" else float(value)
    except ValueError:
        return value


def _refused(item: Binding, reason: str) -> InvalidRequest:
    return InvalidRequest(f"The input `{item.name}` {reason}.", code="invalid_input", input=item.name)
