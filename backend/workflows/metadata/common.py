"""What the readers of file formats share."""

import os
from collections.abc import Iterable
from typing import BinaryIO

NAMES = ("workflow", "prompt")
# VHS_VideoCombine keeps both graphs as one JSON text under this name.
COMMENT = "comment"
# A workflow has kilobytes; this much is an attack.
MAX_TEXT_BYTES = 16 * 2**20
# Parts of a file that are looked at before the search ends.
MAX_PARTS = 100_000


def size_of(file: BinaryIO) -> int:
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end


def chosen(tags: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Return the first text of each name, whatever its case. A comment with JSON stands for a missing workflow."""
    found: dict[str, bytes] = {}
    for name, text in tags:
        found.setdefault(name.lower(), text)
    comment = found.get(COMMENT, b"").lstrip()
    if "workflow" not in found and comment.startswith(b"{"):
        found["workflow"] = comment
    return {name: found[name] for name in NAMES if name in found}
