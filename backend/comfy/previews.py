"""Reads the binary frames of the socket: pictures of a result that is being made, and lines of text."""

import struct
from dataclasses import dataclass
from typing import TypeAlias

from pydantic_core import from_json

from backend.comfy.redaction import redact_text
from backend.comfy.wire import as_text

PREVIEW, TEXT, PREVIEW_WITH_METADATA = 1, 3, 4
LONGEST_METADATA = 64 * 1024
# What the picture is, is read from its first bytes, not from what is claimed.
MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A picture of what a node is making. Only the newest one matters."""

    # Empty where ComfyUI does not say, as older versions do.
    prompt_id: str
    node_id: str
    media_type: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class ProgressText:
    """A line that a node shows while it runs."""

    prompt_id: str
    node_id: str
    text: str


BinaryEvent: TypeAlias = Preview | ProgressText


def read_binary(frame: bytes, *, prompt_id: str = "", node_id: str = "") -> BinaryEvent | None:
    """Read a frame; None for one of an unknown form. The ids are those of what runs, for frames without ids."""
    kind, rest = _number(frame), frame[4:]
    if kind == PREVIEW:
        return _preview(rest[4:], prompt_id, node_id)
    if kind == TEXT:
        name, text = _split(rest)
        line = redact_text(text.decode("utf-8", "replace"))
        return ProgressText(prompt_id=prompt_id, node_id=name.decode("utf-8", "replace"), text=line)
    if kind == PREVIEW_WITH_METADATA:
        described, picture = _split(rest)
        about = _metadata(described)
        return _preview(picture, about.get("prompt_id") or prompt_id, about.get("node_id") or node_id)
    return None


def _preview(picture: bytes, prompt_id: str, node_id: str) -> Preview | None:
    media_type = next((kind for magic, kind in MAGIC.items() if picture.startswith(magic)), None)
    if media_type is None:
        return None
    return Preview(prompt_id=prompt_id, node_id=node_id, media_type=media_type, content=picture)


def _metadata(described: bytes) -> dict[str, str]:
    if len(described) > LONGEST_METADATA:
        return {}
    try:
        about = from_json(described)
    except ValueError:
        return {}
    return {str(key): as_text(value) for key, value in about.items()} if isinstance(about, dict) else {}


def _number(data: bytes) -> int:
    number: int = struct.unpack(">I", data[:4])[0] if len(data) >= 4 else 0
    return number


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Split off what is preceded by its length."""
    length = _number(data)
    return data[4 : 4 + length], data[4 + length :]
