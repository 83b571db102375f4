"""Workflows as ComfyUI writes them, and the pictures that it saves them in."""

import json
import struct
import zlib
from typing import Any

Json = dict[str, Any]


def drawn(*nodes: Json, **rest: Any) -> Json:
    """The graph as ComfyUI's canvas exports it."""
    return {"version": 0.4, "nodes": [{"id": number, **node} for number, node in enumerate(nodes)], **rest}


def node(kind: str, *values: Any, **rest: Any) -> Json:
    return {"type": kind, "mode": 0, "properties": {}, "widgets_values": list(values), **rest}


def declaring(url: str, folder: str, filename: str, **rest: str) -> Json:
    """`properties` of a node whose author wrote down where its file can be had."""
    return {"models": [{"name": filename, "url": url, "directory": folder, **rest}]}


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A picture of one pixel with these chunks before its end."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0")
    parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def text_chunk(name: str, graph: Json) -> tuple[bytes, bytes]:
    return b"tEXt", name.encode() + b"\0" + json.dumps(graph).encode()


def packed_chunk(name: str, text: bytes) -> tuple[bytes, bytes]:
    return b"zTXt", name.encode() + b"\0\0" + zlib.compress(text)


def unicode_chunk(name: str, graph: Json) -> tuple[bytes, bytes]:
    return b"iTXt", name.encode() + b"\0\1\0\0\0" + zlib.compress(json.dumps(graph).encode())


def webp(graph: Json) -> bytes:
    """The frame of a WebP picture with the EXIF that ComfyUI writes."""
    exif = b"Exif\0\0workflow:" + json.dumps(graph).encode() + b"\0"
    body = b"WEBPEXIF" + struct.pack("<I", len(exif)) + exif + b"\0" * (len(exif) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body
