"""Arithmetic on byte ranges. Pure functions.

A range is `(start, stop)` in bytes; `stop` is excluded. `ByteRanges` are sorted, do not overlap and do not touch.
"""

from collections.abc import Iterable, Iterator

ByteRange = tuple[int, int]
ByteRanges = tuple[ByteRange, ...]


def merge(ranges: Iterable[ByteRange]) -> ByteRanges:
    """Sort and merge any ranges. Empty ones are dropped."""
    merged: list[ByteRange] = []
    for start, stop in sorted(ranges):
        if stop <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)


def add(ranges: ByteRanges, start: int, stop: int) -> ByteRanges:
    """Return `ranges` with the bytes from `start` to `stop` added."""
    return merge((*ranges, (start, stop)))


def length(ranges: ByteRanges) -> int:
    """Return the number of bytes in `ranges`."""
    return sum(stop - start for start, stop in ranges)


def prefix(ranges: ByteRanges) -> int:
    """Return how many bytes are present from the first one on without a gap."""
    return ranges[0][1] if ranges and ranges[0][0] == 0 else 0


def end(ranges: ByteRanges) -> int:
    """Return the offset after the last range."""
    return ranges[-1][1] if ranges else 0


def gaps(ranges: ByteRanges, size: int) -> ByteRanges:
    """Return what is missing from a file of `size` bytes."""
    starts = [0, *(stop for _, stop in ranges)]
    stops = [*(start for start, _ in ranges), size]
    return tuple((start, stop) for start, stop in zip(starts, stops, strict=True) if start < stop)


def split(byte_range: ByteRange, size: int) -> Iterator[ByteRange]:
    """Split a range into ranges of `size` bytes. The last one may be shorter."""
    start, stop = byte_range
    for offset in range(start, stop, size):
        yield offset, min(offset + size, stop)
