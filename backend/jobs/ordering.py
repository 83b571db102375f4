"""Puts jobs into another order."""

from collections.abc import Sequence

from backend.core.errors import Conflict
from backend.core.events import EventBus
from backend.jobs.changes import Changes
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.models import Job, JobState, QueueChanged
from backend.jobs.store import JobStore

# Positions are halved with every job that is put between two others; below this they are counted anew.
SMALLEST_GAP = 1e-6


class Ordering:
    """The order of the queue: priority first, then position."""

    def __init__(self, store: JobStore, lifecycle: Lifecycle, events: EventBus):
        self._store = store
        self._lifecycle = lifecycle
        self._events = events

    async def place_before(self, job_ids: Sequence[str], other_id: str) -> list[Job]:
        """Put jobs, in the order given, just before another one, with its priority."""
        async with self._lifecycle.lock:
            jobs, other = await self._queued(job_ids, other_id)
            preceding = await self._store.queued_before(other, [job.id for job in jobs])
            return await self._place(jobs, other, preceding=preceding, following=other)

    async def place_after(self, job_ids: Sequence[str], other_id: str) -> list[Job]:
        """Put jobs, in the order given, just after another one, with its priority."""
        async with self._lifecycle.lock:
            jobs, other = await self._queued(job_ids, other_id)
            nearest = await self._store.queued(len(jobs) + 1, other)
            following = next((job for job in nearest if job.id not in job_ids), None)
            return await self._place(jobs, other, preceding=other, following=following)

    async def _queued(self, job_ids: Sequence[str], other_id: str) -> tuple[list[Job], Job]:
        """Return the jobs and the other one. Conflict when one of them does not wait in the queue any more."""
        other = await self._store.get(other_id)
        jobs = [await self._store.get(job_id) for job_id in job_ids if job_id != other_id]
        for job in [*jobs, other]:
            if job.state != JobState.QUEUED:
                message = f"{job.name} is {job.state} now, so it has no place in the queue."
                raise Conflict(message, code=f"job_{job.state}")
        return jobs, other

    async def _place(
        self, jobs: Sequence[Job], other: Job, *, preceding: Job | None, following: Job | None
    ) -> list[Job]:
        low, high = _gap(len(jobs), other, preceding, following)
        step = (high - low) / (len(jobs) + 1)
        placed = [
            job.changed(priority=other.priority, position=low + step * number)
            for number, job in enumerate(jobs, start=1)
        ]
        if step < SMALLEST_GAP:
            placed = await self._renumbered(placed, before=following or other)
        await self._store.save(Changes(jobs=placed))
        self._events.publish(QueueChanged())
        return placed

    async def _renumbered(self, placed: Sequence[Job], before: Job) -> list[Job]:
        """Return all queued jobs of the priority with whole numbers as positions, and `placed` before `before`."""
        moved = {job.id for job in placed}
        everything = await self._store.in_state(JobState.QUEUED, limit=-1)
        order = [job for job in everything if job.priority == before.priority and job.id not in moved]
        at = next(number for number, job in enumerate(order) if job.id == before.id)
        order[at:at] = placed
        return [job.changed(position=float(number)) for number, job in enumerate(order)]


def _gap(count: int, other: Job, preceding: Job | None, following: Job | None) -> tuple[float, float]:
    """Return the positions between which `count` jobs go: those of the neighbours that have the same priority."""
    positions = [
        job.position if job is not None and job.priority == other.priority else None
        for job in (preceding, following)
    ]
    low = other.position - count - 1 if positions[0] is None else positions[0]
    high = other.position + count + 1 if positions[1] is None else positions[1]
    return low, high
