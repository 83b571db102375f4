"""The rate limit over all downloads."""

import asyncio
import contextlib

# A connection that gets less than this is idle between two reads.
MIN_BYTES_PER_CONNECTION = 500_000


class Throttle:
    """Delays received bytes so that no more than `limit` pass per second. None means no limit."""

    def __init__(self, connections: int = 16) -> None:
        self._limit: float | None = None
        self._connections = connections
        self._due = 0.0
        self._limit_changed = asyncio.Event()

    @property
    def limit(self) -> float | None:
        return self._limit

    @property
    def connections(self) -> int:
        """Return how many connections one file may use: no more than the limit keeps busy."""
        if self._limit is None:
            return self._connections
        return max(1, min(self._connections, int(self._limit // MIN_BYTES_PER_CONNECTION)))

    def set(self, limit: float | None, connections: int) -> None:
        """Apply `limit` at once, also to downloads that wait, and `connections` to the next file."""
        self._connections = connections
        if limit == self._limit:
            return
        self._limit = limit
        self._due = 0.0
        self._limit_changed.set()
        self._limit_changed = asyncio.Event()

    async def wait_for(self, count: int) -> None:
        """Wait until the limit lets `count` more bytes pass."""
        if self._limit is None:
            return
        now = asyncio.get_running_loop().time()
        self._due = max(now, self._due) + count / self._limit
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._due - now):
                await self._limit_changed.wait()
