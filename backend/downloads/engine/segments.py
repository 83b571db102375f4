"""Which connection brings which piece of a file.

Pieces are handed out from the front, so the hash can follow closely behind. When all of them are under way, a free
connection takes over the second half of the piece that has the most left, so one slow connection does not hold up
the end.
"""

from collections import deque
from dataclasses import dataclass

from backend.downloads.engine.byte_ranges import ByteRanges, pieces

MEGABYTE = 2**20
SMALLEST_SEGMENT = 8 * MEGABYTE
LARGEST_SEGMENT = 64 * MEGABYTE
SEGMENTS_PER_FILE = 64
WORTH_SPLITTING = 4 * MEGABYTE


@dataclass(slots=True, eq=False)
class Segment:
    """Bytes from `at` to `stop` are still to come; `stop` moves forward when another connection takes the end."""

    at: int
    stop: int

    @property
    def left(self) -> int:
        return self.stop - self.at


class SegmentPlan:
    """The pieces of one attempt."""

    def __init__(self, missing: ByteRanges, size: int):
        length = piece_bytes(size)
        self._waiting = deque(Segment(*span) for gap in missing for span in pieces(gap, length))
        self._taken: list[Segment] = []

    @property
    def left(self) -> int:
        """Bytes that have not been asked for yet."""
        return sum(piece.left for piece in self._waiting)

    def take(self) -> Segment | None:
        """The next piece to fetch, or None when nothing is worth another connection."""
        piece = self._waiting.popleft() if self._waiting else self._split()
        if piece:
            self._taken.append(piece)
        return piece

    def done(self, piece: Segment) -> None:
        self._taken.remove(piece)

    def give_back(self, piece: Segment) -> None:
        """Its connection failed: somebody else shall fetch what is left of it."""
        self._taken.remove(piece)
        if piece.left:
            self._waiting.appendleft(piece)

    def _split(self) -> Segment | None:
        largest = max(self._taken, key=lambda piece: piece.left, default=None)
        if largest is None or largest.left < WORTH_SPLITTING:
            return None
        middle = largest.at + largest.left // 2
        rest = Segment(middle, largest.stop)
        largest.stop = middle
        return rest


def piece_bytes(size: int) -> int:
    """Large enough that a round trip costs little, small enough that the hash keeps up from the page cache."""
    return min(max(size // SEGMENTS_PER_FILE, SMALLEST_SEGMENT), LARGEST_SEGMENT)


def connections_for(left: int, most: int) -> int:
    """How many connections `left` bytes deserve: one for each of the smallest pieces."""
    return max(1, min(most, -(-left // SMALLEST_SEGMENT)))
