"""Arithmetic on the parts of a file that are here. Pure functions.

A span is `(start, stop)`, half-open, in bytes. ByteRanges are sorted, do not overlap and do not touch.
"""

from collections.abc import Iterable, Iterator

ByteRange = tuple[int, int]
ByteRanges = tuple[ByteRange, ...]


def joined(spans: Iterable[ByteRange]) -> ByteRanges:
    """Any spans, in order and merged; empty ones vanish."""
    merged: list[ByteRange] = []
    for start, stop in sorted(spans):
        if stop <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)


def add(spans: ByteRanges, start: int, stop: int) -> ByteRanges:
    """`spans` and the bytes from `start` to `stop`."""
    return joined((*spans, (start, stop)))


def covered(spans: ByteRanges) -> int:
    """How many bytes are here."""
    return sum(stop - start for start, stop in spans)


def prefix(spans: ByteRanges) -> int:
    """How many bytes are here from the first one on, without a hole."""
    return spans[0][1] if spans and spans[0][0] == 0 else 0


def end(spans: ByteRanges) -> int:
    """The first byte after the last span."""
    return spans[-1][1] if spans else 0


def gaps(spans: ByteRanges, size: int) -> ByteRanges:
    """What of a file of `size` bytes is missing."""
    starts = [0, *(stop for _, stop in spans)]
    stops = [*(start for start, _ in spans), size]
    return tuple((start, stop) for start, stop in zip(starts, stops, strict=True) if start < stop)


def pieces(span: ByteRange, length: int) -> Iterator[ByteRange]:
    """`span` cut into pieces of `length` bytes; the last may be shorter."""
    start, stop = span
    for at in range(start, stop, length):
        yield at, min(at + length, stop)
