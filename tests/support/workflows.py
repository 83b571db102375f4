"""Workflows as ComfyUI writes them, and the images, videos and audio files that contain them."""

import json
import struct
import zlib
from typing import Any

Json = dict[str, Any]


def drawn(*nodes: Json, **rest: Any) -> Json:
    """Return the graph as ComfyUI's canvas exports it."""
    return {"version": 0.4, "nodes": [{"id": number, **node} for number, node in enumerate(nodes)], **rest}


def node(kind: str, *values: Any, **rest: Any) -> Json:
    return {"type": kind, "mode": 0, "properties": {}, "widgets_values": list(values), **rest}


def declaring(url: str, folder: str, filename: str, **rest: str) -> Json:
    """Return the `properties` of a node whose author declared the URL of its file."""
    return {"models": [{"name": filename, "url": url, "directory": folder, **rest}]}


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of one pixel with these chunks before its end."""
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
    """Return the structure of a WebP image with the EXIF that ComfyUI writes."""
    exif = b"Exif\0\0workflow:" + json.dumps(graph).encode() + b"\0"
    body = b"WEBPEXIF" + struct.pack("<I", len(exif)) + exif + b"\0" * (len(exif) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_with(kind: bytes, body: bytes) -> bytes:
    chunk = kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def jpeg(graph: Json) -> bytes:
    exif = b"Exif\0\0workflow:" + json.dumps(graph).encode() + b"\0"
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + b"\xff\xda\0\2pixels"


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def mp4(**tags: str) -> bytes:
    """Return a video as `SaveVideo` writes it: media data first, then named keys."""
    keys = b"".join(box(b"mdta", name.encode()) for name in tags)
    values = [
        box(struct.pack(">I", number), box(b"data", bytes(8), text.encode()))
        for number, text in enumerate(tags.values(), 1)
    ]
    table = box(b"keys", bytes(4), struct.pack(">I", len(tags)), keys)
    meta = box(b"meta", bytes(4), box(b"hdlr", bytes(24)), table, box(b"ilst", *values))
    return box(b"ftyp", b"isom") + box(b"mdat", bytes(50_000)) + box(b"moov", box(b"trak"), meta)


def mp4_with_comment(text: str) -> bytes:
    """Return a video as VHS writes it, with one comment."""
    comment = box(b"\xa9cmt", box(b"data", bytes(8), text.encode()))
    meta = box(b"meta", bytes(4), box(b"hdlr", bytes(24)), box(b"ilst", comment))
    return box(b"ftyp", b"isom") + box(b"moov", box(b"udta", meta)) + box(b"mdat", bytes(1_000))


def webm(**tags: str) -> bytes:
    simple = [
        element(b"\x67\xc8", element(b"\x45\xa3", name.upper().encode()), element(b"\x44\x87", text.encode()))
        for name, text in tags.items()
    ]
    tag = element(b"\x12\x54\xc3\x67", element(b"\x73\x73", element(b"\x63\xc0"), *simple))
    cluster = element(b"\x1f\x43\xb6\x75", bytes(70_000))
    return element(b"\x1a\x45\xdf\xa3", b"webm") + element(b"\x18\x53\x80\x67", cluster, tag)


def element(key: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return key + (len(body) | 1 << 56).to_bytes(8, "big") + body


def vorbis_comments(**tags: str) -> bytes:
    entries = [f"{name}={text}".encode() for name, text in tags.items()]
    listed = b"".join(struct.pack("<I", len(entry)) + entry for entry in entries)
    return struct.pack("<I", 4) + b"Lavf" + struct.pack("<I", len(entries)) + listed


def flac(**tags: str) -> bytes:
    comments = vorbis_comments(**tags)
    return b"fLaC\0\0\0\x22" + bytes(34) + b"\x84" + len(comments).to_bytes(3, "big") + comments


def opus(**tags: str) -> bytes:
    """Return two packets, the second over several pages."""
    packet = b"OpusTags" + vorbis_comments(**tags)
    sizes = [255] * (len(packet) // 255) + [len(packet) % 255]
    pages = _ogg_page(b"OpusHead", [8])
    for start in range(0, len(sizes), 255):
        pages += _ogg_page(packet[start * 255 : (start + 255) * 255], sizes[start : start + 255])
    return pages


def _ogg_page(body: bytes, sizes: list[int]) -> bytes:
    return b"OggS" + bytes(22) + bytes([len(sizes), *sizes]) + body


def mp3(**tags: str) -> bytes:
    frames = b""
    for name, text in tags.items():
        body = b"\3" + name.encode() + b"\0" + text.encode() + b"\0"
        frames += b"TXXX" + _synchsafe(len(body)) + bytes(2) + body
    return b"ID3\4\0\0" + _synchsafe(len(frames)) + frames + b"\xff\xfb"


def _synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))
