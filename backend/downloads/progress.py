"""Measures how fast transfers are, and tells so."""

import asyncio
import time
from collections.abc import Mapping

from backend.core.events import EventBus
from backend.downloads.models import Progress, ProgressMade

# No more than five times a second; the first byte after a pause is told of at once.
SHORTEST_GAP_SECONDS = 0.2
# Without a byte the speed that is shown falls all the same.
LONGEST_GAP_SECONDS = 1.0
SPEED_SECONDS = 3.0  # how far back the shown speed looks


class ProgressReporter:
    """Publishes `ProgressMade` while anything is running."""

    def __init__(self, progress: Mapping[str, Progress], events: EventBus):
        self._progress = progress
        self._events = events
        self.moved = asyncio.Event()
        # What each had received at the last look.
        self._seen: dict[str, int] = {}

    async def run(self) -> None:
        """Until cancelled."""
        last = time.monotonic()
        while True:
            await self._until_moved()
            now = time.monotonic()
            self._measure(now - last)
            last = now
            if self._progress:
                self._events.publish(ProgressMade(ids=tuple(self._progress)))
            await asyncio.sleep(SHORTEST_GAP_SECONDS)

    async def _until_moved(self) -> None:
        try:
            async with asyncio.timeout(LONGEST_GAP_SECONDS if self._progress else None):
                await self.moved.wait()
        except TimeoutError:
            pass
        self.moved.clear()

    def _measure(self, elapsed: float) -> None:
        weight = min(1.0, elapsed / SPEED_SECONDS)
        for key, progress in self._progress.items():
            arrived = max(0, progress.received - self._seen.get(key, progress.received))
            progress.speed += weight * (arrived / elapsed - progress.speed)
        self._seen = {key: progress.received for key, progress in self._progress.items()}
