"""Measures how fast transfers are and tells so, a few times a second, while anything is running."""

import asyncio
import time
from collections.abc import Mapping

from backend.core.events import EventBus
from backend.downloads.models import Progress, ProgressMade

TICK_SECONDS = 0.25
SPEED_SECONDS = 3.0  # how far back the shown speed looks


class Meter:
    def __init__(self, progress: Mapping[str, Progress], events: EventBus):
        self._progress = progress
        self._events = events
        # What each had received and checked at the last look.
        self._seen: dict[str, tuple[int, int]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            self._measure(now - last)
            last = now

    def _measure(self, elapsed: float) -> None:
        weight = min(1.0, elapsed / SPEED_SECONDS)
        current = {key: (progress.received, progress.checked) for key, progress in self._progress.items()}
        for key, progress in self._progress.items():
            before, _ = self._seen.get(key, current[key])
            arrived = max(0, progress.received - before)
            progress.speed += weight * (arrived / elapsed - progress.speed)
        moved = tuple(key for key in current if self._seen.get(key) != current[key])
        self._seen = current
        if moved:
            self._events.publish(ProgressMade(ids=moved))
