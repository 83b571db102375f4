"""How fast downloads were over the last two minutes, for a chart that is complete as soon as a page opens."""

import time
from collections import deque
from collections.abc import Mapping

from backend.core.events import EventBus
from backend.downloads.engine.models import Progress
from backend.downloads.models import ProgressMade

SECONDS = 120


class Throughput:
    """One figure a second, in bytes per second, while transfers run."""

    def __init__(self, progress: Mapping[str, Progress], events: EventBus):
        self._progress = progress
        self._samples: deque[tuple[int, int]] = deque(maxlen=SECONDS)
        events.subscribe(ProgressMade, self._on_progress)

    def values(self) -> list[int]:
        """Return the figures of the last two minutes, oldest first; 0 for a second without a sample."""
        by_second, now = dict(self._samples), int(time.monotonic())
        known = [second for second in by_second if now - SECONDS < second < now]
        return [by_second.get(second, 0) for second in range(min(known), now)] if known else []

    def _on_progress(self, _event: ProgressMade) -> None:
        second = int(time.monotonic())
        if not self._samples or self._samples[-1][0] != second:
            speed = sum(progress.speed for progress in self._progress.values())
            self._samples.append((second, round(speed)))
