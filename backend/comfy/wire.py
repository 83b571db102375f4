"""Reads what ComfyUI sends. Nothing in it is trusted: whatever does not fit is an `InvalidResponse`."""

import json
import math
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from backend.comfy.errors import InvalidResponse


class Wire(BaseModel):
    """What ComfyUI sends, as far as it is used here; newer versions may send more."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


Read = TypeVar("Read", bound=Wire)


def decode(body: bytes, request: str) -> Any:
    """Return the value of a JSON text.

    File names that are not UTF-8 come as lone surrogates, which no text of ours may hold: they become `?`.
    """
    try:
        return from_json(body)
    except ValueError:
        return _decode_surrogates(body, request)


def _decode_surrogates(body: bytes, request: str) -> Any:
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
        return from_json(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise InvalidResponse(request, "it is no valid JSON") from None


def read(kind: type[Read], data: Any, request: str) -> Read:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part)[:50] for part in first["loc"][:6])
        raise InvalidResponse(request, f"{where}: {first['msg']}") from None


def as_dict(data: Any, request: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InvalidResponse(request, "it is no JSON object")
    return data


def as_list(data: Any, request: str) -> list[Any]:
    if not isinstance(data, list):
        raise InvalidResponse(request, "it is no JSON list")
    return data


def as_names(data: Any, request: str) -> list[str]:
    names = as_list(data, request)
    if not all(isinstance(name, str) for name in names):
        raise InvalidResponse(request, "it is no list of names")
    return names


def as_text(value: Any, default: str = "") -> str:
    """Return a text or number as text; ids are written either way."""
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else default


def as_number(value: Any) -> float | None:
    """Return a finite number; None for anything else."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def moment(milliseconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
