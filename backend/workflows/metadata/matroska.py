"""WebM and MKV: elements `Segment/Tags/Tag/SimpleTag` with a name and a string."""

from collections.abc import Iterator
from typing import BinaryIO

from backend.workflows.metadata.common import MAX_PARTS, MAX_TEXT_BYTES, chosen, size_of

SIGNATURE = b"\x1a\x45\xdf\xa3"
_SEGMENT, _TAGS, _TAG, _SIMPLE_TAG = 0x18538067, 0x1254C367, 0x7373, 0x67C8
_CONTAINERS = (_SEGMENT, _TAGS, _TAG)
_NAME, _STRING = 0x45A3, 0x4487


def read(file: BinaryIO) -> dict[str, bytes]:
    return chosen(_tags(file, 0, size_of(file)))


def _tags(file: BinaryIO, start: int, end: int) -> Iterator[tuple[str, bytes]]:
    for element, body, stop in _elements(file, start, end):
        if element in _CONTAINERS:
            yield from _tags(file, body, stop)
        elif element == _SIMPLE_TAG:
            parts = {part: _bytes(file, at, to) for part, at, to in _elements(file, body, stop)}
            yield parts.get(_NAME, b"").decode(errors="replace"), parts.get(_STRING, b"")


def _elements(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(id, start of its content, end). Live recordings have elements of unknown size, which end the search."""
    at = start
    for _ in range(MAX_PARTS):
        file.seek(at)
        header = file.read(12)
        element, id_length = _number(header, keep_marker=True)
        size, size_length = _number(header[id_length:], keep_marker=False)
        if not (id_length and size_length) or at >= end:
            return
        body = at + id_length + size_length
        unknown = size == 2 ** (7 * size_length) - 1
        stop = end if unknown else body + size
        yield element, body, min(stop, end)
        at = stop


def _number(data: bytes, *, keep_marker: bool) -> tuple[int, int]:
    """Return a number whose leading zero bits tell its length, and that length; 0 and 0 when there is none."""
    length = 9 - data[0].bit_length() if data and data[0] else 0
    if not length or length > len(data):
        return 0, 0
    number = int.from_bytes(data[:length])
    return (number if keep_marker else number - (1 << (7 * length))), length


def _bytes(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(max(0, min(end - start, MAX_TEXT_BYTES)))
