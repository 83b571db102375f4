"""Which connection downloads which part of a file.

Segments are taken from the front, so that the hash can follow closely. When all are taken, a free connection takes
over the second half of the segment with the most bytes left, so that one slow connection does not delay the end.
"""

from collections import deque
from dataclasses import dataclass

from backend.downloads.engine.byte_ranges import ByteRanges, split

MEBIBYTE = 2**20
MIN_SEGMENT_BYTES = 8 * MEBIBYTE
MAX_SEGMENT_BYTES = 64 * MEBIBYTE
SEGMENTS_PER_FILE = 64
MIN_SPLIT_BYTES = 4 * MEBIBYTE


@dataclass(slots=True, eq=False)
class Segment:
    """Bytes from `offset` to `stop` that are still missing. `stop` decreases when another connection takes the end."""

    offset: int
    stop: int

    @property
    def remaining(self) -> int:
        return self.stop - self.offset


class SegmentPlan:
    """The segments of one attempt."""

    def __init__(self, missing: ByteRanges, size: int):
        step = segment_bytes(size)
        self._free = deque(Segment(*part) for gap in missing for part in split(gap, step))
        self._taken: list[Segment] = []

    @property
    def free_bytes(self) -> int:
        """Bytes that no connection has taken yet."""
        return sum(segment.remaining for segment in self._free)

    def take(self) -> Segment | None:
        """Return the next segment to fetch, or None when no segment is worth another connection."""
        segment = self._free.popleft() if self._free else self._split_largest()
        if segment:
            self._taken.append(segment)
        return segment

    def finish(self, segment: Segment) -> None:
        self._taken.remove(segment)

    def put_back(self, segment: Segment) -> None:
        """Return what is left of a segment, for another connection."""
        self._taken.remove(segment)
        if segment.remaining:
            self._free.appendleft(segment)

    def _split_largest(self) -> Segment | None:
        largest = max(self._taken, key=lambda segment: segment.remaining, default=None)
        if largest is None or largest.remaining < MIN_SPLIT_BYTES:
            return None
        middle = largest.offset + largest.remaining // 2
        second_half = Segment(middle, largest.stop)
        largest.stop = middle
        return second_half


def segment_bytes(size: int) -> int:
    """Return a length that makes a round trip cheap and still lets the hash read from the page cache."""
    return min(max(size // SEGMENTS_PER_FILE, MIN_SEGMENT_BYTES), MAX_SEGMENT_BYTES)


def connections_for(missing_bytes: int, limit: int) -> int:
    """Return how many connections `missing_bytes` are worth: one for each segment of the smallest size."""
    return max(1, min(limit, -(-missing_bytes // MIN_SEGMENT_BYTES)))
