"""Measures the speed of running transfers and publishes their progress."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping

from backend.core.events import EventBus
from backend.downloads.engine.models import Progress
from backend.downloads.models import ProgressMade

# At most five events per second. The first byte after a pause is published at once.
MIN_INTERVAL_SECONDS = 0.2
# Without a byte, the speed that is shown must fall all the same.
MAX_INTERVAL_SECONDS = 1.0
SPEED_SECONDS = 3.0  # the shown speed is an average over this time
AVERAGE_SECONDS = 15.0  # the time left is estimated from an average over at least this time


class ProgressReporter:
    """Publishes `ProgressMade` while transfers are running."""

    def __init__(self, progress: Mapping[str, Progress], events: EventBus):
        self._progress = progress
        self._events = events
        self.changed = asyncio.Event()
        # What each had received before.
        self._received: dict[str, int] = {}
        self._history: dict[str, deque[tuple[float, int]]] = {}

    async def run(self) -> None:
        """Run until cancelled."""
        last = time.monotonic()
        while True:
            await self._wait_for_change()
            now = time.monotonic()
            self._measure(now, now - last)
            last = now
            if self._progress:
                self._events.publish(ProgressMade(ids=tuple(self._progress)))
            await asyncio.sleep(MIN_INTERVAL_SECONDS)

    async def _wait_for_change(self) -> None:
        try:
            async with asyncio.timeout(MAX_INTERVAL_SECONDS if self._progress else None):
                await self.changed.wait()
        except TimeoutError:
            pass
        self.changed.clear()

    def _measure(self, now: float, elapsed: float) -> None:
        weight = min(1.0, elapsed / SPEED_SECONDS)
        for key, progress in self._progress.items():
            received = max(0, progress.received - self._received.get(key, progress.received))
            progress.speed += weight * (received / elapsed - progress.speed)
            history = self._history.setdefault(key, deque())
            progress.average_speed = average_speed(history, now, progress.received)
        self._received = {key: progress.received for key, progress in self._progress.items()}
        self._history = {key: history for key, history in self._history.items() if key in self._progress}


def average_speed(history: deque[tuple[float, int]], now: float, received: int) -> float | None:
    """Add a sample and return bytes per second over at least `AVERAGE_SECONDS`; None until they have passed."""
    if history and received < history[-1][1]:  # it started over
        history.clear()
    history.append((now, received))
    while len(history) > 2 and now - history[1][0] >= AVERAGE_SECONDS:
        history.popleft()
    start, before = history[0]
    return (received - before) / (now - start) if now - start >= AVERAGE_SECONDS else None
