"""MP4 and MOV: the boxes `moov/meta` or `moov/udta/meta`, with named keys or with `©cmt`."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from backend.workflows.metadata.common import COMMENT, MAX_PARTS, MAX_TEXT_BYTES, chosen, size_of

_CONTAINERS = (b"moov", b"udta")
_COMMENT_BOX = b"\xa9cmt"


def read(file: BinaryIO) -> dict[str, bytes]:
    return chosen(_tags(file, 0, size_of(file)))


def _tags(file: BinaryIO, start: int, end: int) -> Iterator[tuple[str, bytes]]:
    for kind, body, stop in _boxes(file, start, end):
        if kind in _CONTAINERS:
            yield from _tags(file, body, stop)
        elif kind == b"meta":
            yield from _meta_tags(file, body, stop)
        elif kind == _COMMENT_BOX:  # QuickTime: a length, a language, the text
            yield COMMENT, _bytes(file, body + 4, stop)


def _meta_tags(file: BinaryIO, start: int, end: int) -> Iterator[tuple[str, bytes]]:
    """QuickTime's `meta` begins with its first box, the one of MP4 with four bytes of version."""
    version = 0 if _bytes(file, start + 4, start + 8) == b"hdlr" else 4
    boxes = {kind: (body, stop) for kind, body, stop in _boxes(file, start + version, end)}
    keys = _keys(_bytes(file, *boxes[b"keys"])) if b"keys" in boxes else []
    if b"ilst" not in boxes:
        return
    for kind, body, stop in _boxes(file, *boxes[b"ilst"]):
        position = int.from_bytes(kind) - 1
        name = COMMENT if kind == _COMMENT_BOX else keys[position] if position < len(keys) else ""
        if name:
            yield from ((name, _bytes(file, at + 8, to)) for _, at, to in _boxes(file, body, stop))


def _keys(table: bytes) -> list[str]:
    """Entries of a length, a namespace of four bytes and a name, after eight bytes of version and count."""
    names: list[str] = []
    at = 8
    while at + 8 <= len(table) and len(names) < MAX_PARTS:
        length = max(int.from_bytes(table[at : at + 4]), 8)
        names.append(table[at + 8 : at + length].decode(errors="replace"))
        at += length
    return names


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start of its content, end) of the boxes in a part of the file."""
    at = start
    for _ in range(MAX_PARTS):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8 or at + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", header)
        body = at + 8
        if size == 1 and len(header) == 16:  # a size of eight bytes follows
            size, body = int.from_bytes(header[8:]), at + 16
        stop = end if size == 0 else at + size
        if stop < body:
            return
        yield kind, body, min(stop, end)
        at = stop


def _bytes(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(max(0, min(end - start, MAX_TEXT_BYTES)))
