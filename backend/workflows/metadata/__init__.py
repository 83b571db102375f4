"""Finds the workflow that ComfyUI writes into the pictures, videos and sounds that it saves.

The graph as the editor saves it is named `workflow`, the prompt that ran is named `prompt`. Files are read
by seeking from one part to the next, so a video of gigabytes costs what its headers cost.
"""

import io
from collections.abc import Callable
from typing import BinaryIO, TypeAlias

from backend.workflows.metadata import audio, exif, isobmff, matroska, png
from backend.workflows.metadata.common import NAMES

__all__ = ["NAMES", "embedded_texts", "is_media"]

Reader: TypeAlias = Callable[[BinaryIO], dict[str, bytes]]

_BY_SIGNATURE: tuple[tuple[bytes, Reader], ...] = (
    (png.SIGNATURE, png.read),
    (b"\xff\xd8\xff", exif.read_jpeg),
    (b"GIF8", lambda _: {}),
    (b"fLaC", audio.read_flac),
    (b"OggS", audio.read_ogg),
    (b"ID3", audio.read_mp3),
    (matroska.SIGNATURE, matroska.read),
)
_BRANDS = (b"avif", b"avis", b"mif1")


def is_media(start: bytes) -> bool:
    """Return whether a file that begins with these bytes is a picture, a video or a sound."""
    return _reader_for(start) is not None


def embedded_texts(content: bytes | BinaryIO) -> dict[str, bytes]:
    """Return what the file holds as `workflow` and as `prompt`; empty when it holds neither."""
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    file.seek(0)
    reader = _reader_for(file.read(16))
    file.seek(0)
    return reader(file) if reader else {}


def _reader_for(start: bytes) -> Reader | None:
    for signature, reader in _BY_SIGNATURE:
        if start.startswith(signature):
            return reader
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return exif.read_webp
    if start[4:8] == b"ftyp":
        return exif.read_avif if start[8:12] in _BRANDS else isobmff.read
    return None
