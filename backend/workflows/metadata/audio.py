"""FLAC and Ogg (Opus): Vorbis comments. MP3: ID3 frames `TXXX`."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from backend.workflows.metadata.common import MAX_PARTS, MAX_TEXT_BYTES, chosen

_VORBIS_COMMENT = 4
_COMMENT_HEADERS = (b"OpusTags", b"\x03vorbis")


def read_flac(file: BinaryIO) -> dict[str, bytes]:
    file.seek(4)
    for _ in range(MAX_PARTS):
        header = file.read(4)
        if len(header) < 4:
            return {}
        length = int.from_bytes(header[1:])
        if header[0] & 0x7F == _VORBIS_COMMENT:
            return chosen(_vorbis_comments(file.read(length)))
        if header[0] & 0x80:  # the last block
            return {}
        file.seek(length, 1)
    return {}


def read_ogg(file: BinaryIO) -> dict[str, bytes]:
    """The second packet of the stream holds the comments; it may span many pages."""
    packets = _ogg_packets(file)
    next(packets, None)
    packet = next(packets, b"")
    for header in _COMMENT_HEADERS:
        if packet.startswith(header):
            return chosen(_vorbis_comments(packet[len(header) :]))
    return {}


def read_mp3(file: BinaryIO) -> dict[str, bytes]:
    header = file.read(10).ljust(10, b"\0")
    tag = file.read(min(_synchsafe(header[6:10]), MAX_TEXT_BYTES))
    return chosen(_id3_texts(tag, version=header[3]))


def _vorbis_comments(data: bytes) -> Iterator[tuple[str, bytes]]:
    """`NAME=text`, each after its length, after the vendor's name and a count."""
    at = 4 + _little(data, 0) + 4
    for _ in range(MAX_PARTS):
        if at + 4 > len(data):
            return
        length = _little(data, at)
        name, _, text = data[at + 4 : at + 4 + length].partition(b"=")
        yield name.decode(errors="replace"), text
        at += 4 + length


def _ogg_packets(file: BinaryIO) -> Iterator[bytes]:
    packet = bytearray()
    for _ in range(MAX_PARTS):
        header = file.read(27)
        if len(header) < 27 or not header.startswith(b"OggS") or len(packet) > MAX_TEXT_BYTES:
            return
        for length in file.read(header[26]):
            packet += file.read(length)
            if length < 255:
                yield bytes(packet)
                packet.clear()


def _id3_texts(tag: bytes, version: int) -> Iterator[tuple[str, bytes]]:
    at = 0
    for _ in range(MAX_PARTS):
        if at + 10 > len(tag):
            return
        size = tag[at + 4 : at + 8]
        length = _synchsafe(size) if version >= 4 else int.from_bytes(size)
        frame = tag[at + 10 : at + 10 + length]
        if tag[at : at + 4] == b"TXXX" and frame:
            yield _id3_pair(frame)
        at += 10 + length


def _id3_pair(frame: bytes) -> tuple[str, bytes]:
    """Return the description and the text. The first byte names their encoding."""
    encoding = {0: "latin-1", 1: "utf-16", 2: "utf-16-be"}.get(frame[0], "utf-8")
    text = frame[1:].decode(encoding, errors="replace")
    name, _, value = text.partition("\0")
    return name, value.strip("\0\ufeff").encode()


def _little(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0]) if at + 4 <= len(data) else 0


def _synchsafe(size: bytes) -> int:
    """Return a number of four bytes with seven bits each."""
    return sum((byte & 0x7F) << (7 * (3 - position)) for position, byte in enumerate(size))
