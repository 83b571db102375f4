"""A speed limit that all transfers share."""

import asyncio
import contextlib


class Throttle:
    """Lets bytes pass at no more than `limit` a second; None: as they come."""

    def __init__(self) -> None:
        self._limit: float | None = None
        self._due = 0.0
        self._changed = asyncio.Event()

    @property
    def limit(self) -> float | None:
        return self._limit

    def set(self, limit: float | None) -> None:
        """Takes effect at once, also for who is waiting."""
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
