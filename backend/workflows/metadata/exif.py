"""WebP, JPEG and AVIF: EXIF strings `workflow:{…}` and `prompt:{…}`, or XMP with the same names.

EXIF strings end in a zero byte, so they are found without reading the tables of EXIF.
"""

import html
import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from backend.workflows.metadata.common import MAX_PARTS, MAX_TEXT_BYTES, NAMES

# An AVIF picture keeps its metadata before the pixels or right after them.
_AVIF_BYTES = 32 * 2**20
_XMP = {
    name: re.compile(rf"<(?:\w+:)?{name}>([^<]+)<|\b(?:\w+:)?{name}=\"([^\"]+)\"".encode()) for name in NAMES
}


def read_webp(file: BinaryIO) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for kind, body in _webp_chunks(file):
        texts = exif_texts(body) if kind == b"EXIF" else _xmp_texts(body)
        found = texts | found
    return found


def read_jpeg(file: BinaryIO) -> dict[str, bytes]:
    """EXIF of the segments before the pixels. A segment has at most 64 KiB, so long workflows do not fit."""
    file.seek(2)
    for _ in range(MAX_PARTS):
        header = file.read(4)
        if len(header) < 4 or header[0] != 0xFF or header[1] == 0xDA:
            return {}
        body = file.read(max(struct.unpack(">H", header[2:])[0] - 2, 0))
        if header[1] == 0xE1 and (found := exif_texts(body)):
            return found
    return {}


def read_avif(file: BinaryIO) -> dict[str, bytes]:
    return exif_texts(file.read(_AVIF_BYTES))


def exif_texts(exif: bytes) -> dict[str, bytes]:
    found = {}
    for name in NAMES:
        at = exif.find(f"{name}:".encode() + b"{")
        if at >= 0:
            end = exif.find(b"\0", at)
            found[name] = exif[at + len(name) + 1 : end if end >= 0 else None]
    return found


def _webp_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    file.seek(12)
    for _ in range(MAX_PARTS):
        header = file.read(8)
        if len(header) < 8:
            return
        kind, length = struct.unpack("<4sI", header)
        if kind in (b"EXIF", b"XMP "):
            body = file.read(min(length, MAX_TEXT_BYTES))
            yield kind, body
            file.seek(length - len(body) + length % 2, 1)
        else:
            file.seek(length + length % 2, 1)


def _xmp_texts(xmp: bytes) -> dict[str, bytes]:
    matches = {name: pattern.search(xmp) for name, pattern in _XMP.items()}
    return {
        name: html.unescape((match[1] or match[2]).decode(errors="replace")).encode()
        for name, match in matches.items()
        if match
    }
