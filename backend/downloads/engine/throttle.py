"""How fast all transfers together may go."""

import asyncio
import contextlib

# What a connection needs so as not to stand still between two reads.
BYTES_PER_CONNECTION = 500_000


class Throttle:
    """Lets bytes pass at no more than `limit` a second; None: as they come."""

    def __init__(self, connections: int = 16) -> None:
        self._limit: float | None = None
        self._connections = connections
        self._due = 0.0
        self._changed = asyncio.Event()

    @property
    def limit(self) -> float | None:
        return self._limit

    @property
    def connections(self) -> int:
        """How many connections one file may have: no more than the limit keeps busy."""
        if self._limit is None:
            return self._connections
        return max(1, min(self._connections, int(self._limit // BYTES_PER_CONNECTION)))

    def set(self, limit: float | None, connections: int) -> None:
        """The limit takes effect at once, also for who is waiting; the connections for the next file."""
        self._connections = connections
        if limit == self._limit:
            return
        self._limit = limit
        self._due = 0.0
        self._changed.set()
        self._changed = asyncio.Event()

    async def take(self, count: int) -> None:
        """Wait until `count` more bytes may have passed."""
        if self._limit is None:
            return
        now = asyncio.get_running_loop().time()
        self._due = max(now, self._due) + count / self._limit
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._due - now):
                await self._changed.wait()
