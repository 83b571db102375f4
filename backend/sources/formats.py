"""Cheap checks that a file is what its name says, without hashing it."""

import json
import struct
from enum import StrEnum
from pathlib import Path
from typing import Any

from backend.sources.errors import PermanentError

# The limit of the safetensors library itself.
MAX_HEADER_BYTES = 100_000_000
LENGTH_BYTES = 8


class Format(StrEnum):
    """The format of a model file, from its name."""

    SAFETENSORS = "safetensors"
    GGUF = "gguf"
    ONNX = "onnx"
    # Python's pickle: loading such a file can run code that it contains.
    PICKLE = "pickle"
    # Not a known model format.
    OTHER = "other"


ENDINGS = {
    Format.SAFETENSORS: (".safetensors", ".sft"),
    Format.GGUF: (".gguf",),
    Format.ONNX: (".onnx",),
    Format.PICKLE: (".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl", ".pickle", ".joblib"),
}


def format_of(filename: str) -> Format:
    name = filename.lower()
    return next((kind for kind, endings in ENDINGS.items() if name.endswith(endings)), Format.OTHER)


def is_pickle(filename: str) -> bool:
    return format_of(filename) == Format.PICKLE


def check_content_type(filename: str, content_type: str) -> None:
    """Raise PermanentError for a login page before its body is read."""
    if content_type.startswith("text/html") and not filename.endswith((".html", ".htm")):
        raise _web_page()


def check_beginning(filename: str, beginning: bytes) -> None:
    """Raise PermanentError for a login page or an invalid GGUF file. `beginning` is the first few bytes."""
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")) and not filename.endswith(
        (".html", ".xml", ".svg")
    ):
        raise _web_page()
    if filename.endswith(".gguf") and len(beginning) >= 4 and not beginning.startswith(b"GGUF"):
        raise PermanentError("not_a_model", f"{filename} is not a GGUF file: its first bytes are different.")


def check_header(path: Path, filename: str, received: int, size: int) -> None:
    """Raise PermanentError when the header does not match the `size`. The first `received` bytes are on disk."""
    problem = _safetensors_problem(path, received, size) if filename.endswith(".safetensors") else None
    if problem:
        raise PermanentError(
            "not_a_model", f"{filename} is not a whole safetensors file: {problem}. Nothing was kept."
        )


def problem_of(path: Path, filename: str) -> str | None:
    """Return what is wrong with a complete file, or None. Detects truncation without a hash."""
    size = path.stat().st_size
    problem = _safetensors_problem(path, size, size) if filename.endswith(".safetensors") else None
    return problem and f"{filename} is not a whole safetensors file: {problem}."


def _web_page() -> PermanentError:
    return PermanentError(
        "not_a_model",
        "The server sent a web page instead of the file. It may require a sign-in: set the token for this site.",
    )


def _safetensors_problem(path: Path, received: int, size: int) -> str | None:
    if size < LENGTH_BYTES:
        return "it is too short"
    if received < LENGTH_BYTES:
        return None
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(LENGTH_BYTES))
        start = LENGTH_BYTES + length
        if length > MAX_HEADER_BYTES or start > size:
            return "its header is longer than the file"
        return _header_problem(file.read(length), size - start) if start <= received else None


def _header_problem(header: bytes, size: int) -> str | None:
    """Return what is wrong with a header that `size` bytes of tensors follow, or None."""
    ends = _tensor_ends(header)
    if ends is None:
        return "its header cannot be read"
    return None if max(ends, default=0) == size else "its tensors do not end where the file ends"


def _tensor_ends(header: bytes) -> list[int] | None:
    """Return where each tensor's data ends, from the end of the header; None for an invalid header."""
    try:
        entries: dict[str, Any] = json.loads(header)
        return [int(entry["data_offsets"][1]) for name, entry in entries.items() if name != "__metadata__"]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return None
