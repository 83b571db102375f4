"""Pictures as ComfyUI and its nodes save them."""

import io
import struct
import zlib
from typing import Any

from PIL import Image


def picture(mode: str = "RGB", size: tuple[int, int] = (900, 600), color: Any = None) -> Image.Image:
    if mode == "P":
        return Image.new("RGB", size, color or (200, 80, 40)).quantize(8)
    return Image.new(mode, size, color if color is not None else (200, 80, 40, 128)[: len(mode)])


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that promises pixels of gigabytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks
