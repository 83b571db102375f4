"""What happens to jobs, for those who follow one of them or all."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from backend.core.events import EventBus
from backend.jobs.live import JobProgress, PreviewReady
from backend.jobs.models import JobChanged

Change = JobChanged | JobProgress | PreviewReady


class Follower:
    """The newest change of each kind; older ones that were not taken are dropped."""

    def __init__(self) -> None:
        self._changes: dict[type, Change] = {}
        self._arrived = asyncio.Event()

    def offer(self, change: Change) -> None:
        self._changes[type(change)] = change
        self._arrived.set()

    async def next(self, seconds: float) -> list[Change]:
        """Return what has changed; nothing after that many seconds without a change."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return []
        self._arrived.clear()
        changes, self._changes = list(self._changes.values()), {}
        return changes


class JobWatch:
    """Hands events to the followers of a job."""

    def __init__(self, events: EventBus):
        self._followers: dict[str, set[Follower]] = {}
        self.closing = asyncio.Event()
        events.subscribe(JobChanged, lambda change: self._offer(change.job.id, change))
        events.subscribe(JobProgress, lambda progress: self._offer(progress.job_id, progress))
        events.subscribe(PreviewReady, lambda preview: self._offer(preview.job_id, preview))

    @contextmanager
    def follow(self, job_id: str) -> Iterator[Follower]:
        follower = Follower()
        followers = self._followers.setdefault(job_id, set())
        followers.add(follower)
        try:
            yield follower
        finally:
            followers.discard(follower)
            if not followers:
                self._followers.pop(job_id, None)

    def close(self) -> None:
        """End every stream; clients connect again."""
        self.closing.set()

    def _offer(self, job_id: str, change: Change) -> None:
        for follower in self._followers.get(job_id, ()):
            follower.offer(change)
