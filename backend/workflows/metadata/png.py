"""PNG: text chunks named `workflow` and `prompt`, before the pixels."""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from backend.workflows.metadata.common import MAX_PARTS, MAX_TEXT_BYTES, NAMES

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")


def read(file: BinaryIO) -> dict[str, bytes]:
    """Return the first text of each name. Others are not unpacked: a small file may hold a thousand bombs."""
    found: dict[str, bytes | None] = {}
    for kind, body in _text_chunks(file):
        name, _, rest = body.partition(b"\0")
        key = name.decode("latin-1")
        if key in NAMES and key not in found:
            found[key] = _text(kind, rest)
    return {name: text for name, text in found.items() if text is not None}


def _text_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield text chunks up to the first one that is cut off or too long to be a workflow."""
    file.seek(len(SIGNATURE))
    for _ in range(MAX_PARTS):
        header = file.read(8)
        if len(header) < 8:
            return
        length, kind = struct.unpack(">I4s", header)
        if kind not in _TEXT_CHUNKS:
            file.seek(length + 4, 1)
            continue
        body = file.read(min(length, MAX_TEXT_BYTES))
        if len(body) < length:
            return
        yield kind, body
        file.seek(4, 1)


def _text(kind: bytes, rest: bytes) -> bytes | None:
    """Return the text of a chunk, which begins after its name. None when it cannot be unpacked."""
    if kind == b"tEXt":
        return rest.decode("latin-1").encode()
    if kind == b"zTXt":  # a byte for the method, then the text
        unpacked = _unpacked(rest[1:])
        return None if unpacked is None else unpacked.decode("latin-1").encode()
    packed, (_, _, text) = rest[:1] == b"\1", _split(rest[2:])
    return _unpacked(text) if packed else text


def _split(rest: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the language, the translated name and the text of an iTXt chunk."""
    language, _, rest = rest.partition(b"\0")
    translated, _, text = rest.partition(b"\0")
    return language, translated, text


def _unpacked(packed: bytes) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, MAX_TEXT_BYTES)
    except zlib.error:
        return None
    return None if unpacker.unconsumed_tail else text
