"""Finds the workflow that ComfyUI writes into the pictures that it saves.

PNG: text chunks named `workflow` (the graph as drawn) and `prompt` (the graph as run). WebP: the same two
in EXIF, as `workflow:{…}` and `prompt:{…}`. A picture whose end was cut off still tells, because both
formats of ComfyUI put them where they are found without the pixels, or we say that there is none.
"""

import struct
import zlib
from collections.abc import Iterator

PNG = b"\x89PNG\r\n\x1a\n"
NAMES = ("workflow", "prompt")
# A workflow has kilobytes; this much is a bomb.
MAX_TEXT_BYTES = 16 * 2**20


def is_picture(content: bytes) -> bool:
    return content.startswith((PNG, b"\xff\xd8\xff", b"GIF8")) or _is_webp(content)


def texts_in(content: bytes) -> dict[str, bytes]:
    """What a picture holds under the names that ComfyUI uses; empty when it holds nothing of the kind."""
    if content.startswith(PNG):
        return _png_texts(content)
    return dict(_webp_texts(content)) if _is_webp(content) else {}


def _png_texts(content: bytes) -> dict[str, bytes]:
    """The first text of each name. Others are not unpacked: a small file may hold a thousand bombs."""
    found: dict[str, bytes | None] = {}
    for kind, body in _png_chunks(content):
        name, _, rest = body.partition(b"\0")
        key = name.decode("latin-1")
        if kind in (b"tEXt", b"zTXt", b"iTXt") and key in NAMES and key not in found:
            found[key] = _text(kind, rest)
    return {name: text for name, text in found.items() if text is not None}


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG)
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        body = content[at + 8 : at + 8 + length]
        if len(body) < length:
            return
        yield kind, body
        at += 12 + length


def _text(kind: bytes, rest: bytes) -> bytes | None:
    """The text of a chunk, which begins after its name. None when it cannot be unpacked."""
    if kind == b"tEXt":
        return rest.decode("latin-1").encode()
    if kind == b"zTXt":  # a byte for the method, then the text
        unpacked = _unpacked(rest[1:])
        return None if unpacked is None else unpacked.decode("latin-1").encode()
    packed, (_, _, text) = rest[:1] == b"\1", _split(rest[2:])
    return _unpacked(text) if packed else text


def _split(rest: bytes) -> tuple[bytes, bytes, bytes]:
    """The language, the translated name and the text of an iTXt chunk."""
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


def _is_webp(content: bytes) -> bool:
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP"


def _webp_texts(content: bytes) -> Iterator[tuple[str, bytes]]:
    at = 12
    while at + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, at)
        if kind == b"EXIF":
            yield from _exif_texts(content[at + 8 : at + 8 + length])
        at += 8 + length + length % 2


def _exif_texts(exif: bytes) -> Iterator[tuple[str, bytes]]:
    """EXIF strings end in a zero byte, so ours are found without reading its tables."""
    for name in NAMES:
        _, found, rest = exif.partition(f"{name}:".encode() + b"{")
        if found:
            yield name, b"{" + rest.partition(b"\0")[0]
