"""Tiny valid pictures and videos, made without a library. PNG, WebP and MP4 carry metadata as ComfyUI writes it."""

import base64
import json
import struct
import zlib
from typing import Any

Metadata = dict[str, Any]

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////"
    "////////////2wBDAVVaWnhpeOuCguv/////////////////////////////////////////////////////////////////////////wAAR"
    "CAAIAAgDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAP/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAA"
    "AgP/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oADAMBAAIRAxEAPwCYCwP/2Q=="
)
# Two black frames of 16 x 16 pixels, H.264. The `moov` box comes last, so metadata can be added at the end.
MP4 = base64.b64decode(
    "AAAAIGZ0eXBpc29tAAACAGlzb21pc28yYXZjMW1wNDEAAAAIZnJlZQAAACRtZGF0AAAADGWIhAAb//EPcypj2QAAAAhBmiCMQz/dgAAAAr5t"
    "b292AAAAbG12aGQAAAAAAAAAAAAAAAAAAAPoAAAA+gABAAABAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAEAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACAAACSnRyYWsAAABcdGtoZAAAAAMAAAAAAAAAAAAAAAEAAAAAAAAA+gAAAAAAAAAAAAAA"
    "AAAAAAAAAQAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAEAAAAAAEAAAABAAAAAAACRlZHRzAAAAHGVsc3QAAAAAAAAAAQAAAPoAAAAA"
    "AAEAAAAAAcJtZGlhAAAAIG1kaGQAAAAAAAAAAAAAAAAAAEAAAAAQAFXEAAAAAAAtaGRscgAAAAAAAAAAdmlkZQAAAAAAAAAAAAAAAFZpZGVv"
    "SGFuZGxlcgAAAAFtbWluZgAAABR2bWhkAAAAAQAAAAAAAAAAAAAAJGRpbmYAAAAcZHJlZgAAAAAAAAABAAAADHVybCAAAAABAAABLXN0YmwA"
    "AACtc3RzZAAAAAAAAAABAAAAnWF2YzEAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAEAAQAEgAAABIAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAY//8AAAAzYXZjQwFkAAr/4QAWZ2QACqzIV6EAAAMAAQAAAwAQDxIllgEABmjvgZSyLP34+AAAAAAUYnRydAAA"
    "AAAAAAOAAAAAAAAAABhzdHRzAAAAAAAAAAEAAAACAAAIAAAAABRzdHNzAAAAAAAAAAEAAAABAAAAHHN0c2MAAAAAAAAAAQAAAAEAAAACAAAA"
    "AQAAABxzdHN6AAAAAAAAAAAAAAACAAAAEAAAAAwAAAAUc3RjbwAAAAAAAAABAAAAMA=="
)
MOOV_AT = MP4.index(b"moov") - 4


def png(width: int, height: int, color: int, metadata: Metadata) -> bytes:
    row = b"\0" + color.to_bytes(3, "big") * width
    texts = [key.encode("latin-1") + b"\0" + json.dumps(value).encode() for key, value in metadata.items()]
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        *((b"tEXt", text) for text in texts),
        (b"IDAT", zlib.compress(row * height)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, data) for name, data in chunks)


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def webp(width: int, height: int, metadata: Metadata) -> bytes:
    """Return a lossless black picture. One colour takes no bit per pixel, whatever the size."""
    size = (width - 1) | (height - 1) << 14
    # Read from the lowest bit: no transform, no colour cache, no meta codes, then a code of one symbol each
    # for green, red, blue, alpha and distance.
    symbols = [0, 0, 0, 255, 0]
    bits = "000" + "".join("101" + f"{symbol:08b}"[::-1] for symbol in symbols)
    coded = int(bits[::-1], 2).to_bytes(8, "little")
    chunks = [(b"VP8L", b"\x2f" + struct.pack("<I", size) + coded)]
    if metadata:
        extended = (
            struct.pack("<I", 0b1000) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        )
        chunks = [(b"VP8X", extended), *chunks, (b"EXIF", _exif(metadata))]
    body = b"WEBP" + b"".join(_riff_chunk(name, data) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _riff_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _exif(metadata: Metadata) -> bytes:
    """Return the tags 0x0110 for the prompt, and 0x010F downwards for everything else."""
    tags = {
        0x0110: "prompt",
        **{0x010F - i: key for i, key in enumerate(key for key in metadata if key != "prompt")},
    }
    values = {
        tag: f"{key}:{json.dumps(metadata[key])}".encode() + b"\0"
        for tag, key in tags.items()
        if key in metadata
    }
    entries, texts = b"", b""
    texts_at = 8 + 2 + 12 * len(values) + 4
    for tag in sorted(values):
        value = values[tag].ljust(5, b"\0")  # four bytes or fewer would lie in the entry itself
        entries += struct.pack(">HHII", tag, 2, len(value), texts_at + len(texts))
        texts += value
    return b"MM\0*" + struct.pack(">IH", 8, len(values)) + entries + struct.pack(">I", 0) + texts


def mp4(metadata: Metadata) -> bytes:
    if not metadata:
        return MP4
    keys = b"".join(_box(b"mdta", key.encode()) for key in metadata)
    values = b"".join(
        _box(struct.pack(">I", number), _box(b"data", struct.pack(">II", 1, 0) + json.dumps(value).encode()))
        for number, value in enumerate(metadata.values(), 1)
    )
    handler = _box(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    key_table = _box(b"keys", struct.pack(">II", 0, len(metadata)) + keys)
    meta = _box(b"meta", bytes(4) + handler + key_table + _box(b"ilst", values))
    moov = MP4[MOOV_AT + 8 :] + _box(b"udta", meta)
    return MP4[:MOOV_AT] + _box(b"moov", moov)


def _box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + name + data
