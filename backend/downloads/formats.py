"""Cheap checks that a file is what its name says, without hashing it."""

import json
import struct
from pathlib import Path

from backend.downloads.faults import LastingFault

MAX_HEADER_BYTES = 100_000_000


def check_content_type(filename: str, content_type: str) -> None:
    """Refuse a login page before a byte of it arrives."""
    if content_type.startswith("text/html") and not filename.endswith((".html", ".htm")):
        raise _web_page()


def check_beginning(filename: str, beginning: bytes) -> None:
    """Refuse a login page, or a GGUF file that is none. `beginning` is the first few bytes."""
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")) and not filename.endswith(
        (".html", ".xml", ".svg")
    ):
        raise _web_page()
    if filename.endswith(".gguf") and len(beginning) >= 4 and not beginning.startswith(b"GGUF"):
        raise LastingFault("not_a_model", f"{filename} is not a GGUF file: it does not begin like one.")


def _web_page() -> LastingFault:
    return LastingFault(
        "not_a_model",
        "The server sent a web page instead of the file. It may want a sign-in: set the token for this site.",
    )


def check_complete(path: Path, filename: str) -> None:
    """Refuse a safetensors file whose header does not fit its size. Catches truncation without a hash."""
    if not filename.endswith(".safetensors"):
        return
    problem = _safetensors_problem(path)
    if problem:
        raise LastingFault("not_a_model", f"{filename} is not a whole safetensors file: {problem}.")


def _safetensors_problem(path: Path) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(8)
        if len(prefix) < 8:
            return "it is too short"
        (length,) = struct.unpack("<Q", prefix)
        if length > MAX_HEADER_BYTES or 8 + length > size:
            return "its header is longer than the file"
        try:
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            return "its header cannot be read"
    if max(ends, default=0) != size - 8 - length:
        return "its tensors do not end where the file ends"
    return None
