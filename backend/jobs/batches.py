"""Jobs that were submitted together, handled as one: show, cancel, retry, give a priority."""

from collections.abc import Iterable

from backend.core.errors import NotFound
from backend.jobs.attempts import ended
from backend.jobs.changes import Changes
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.models import UNFINISHED, BatchStatus, Job, JobState
from backend.jobs.service import Jobs
from backend.jobs.store import JobStore
from backend.jobs.transitions import Event

NOT_STARTED = frozenset({JobState.WAITING, JobState.QUEUED, JobState.BLOCKED})
# The states that "retry" applies to. Cancelled jobs are not retried: the user does not want them.
RETRYABLE = frozenset({JobState.FAILED, JobState.BLOCKED, JobState.EXPIRED})


class Batches:
    """Changes of a batch are on disk together, as far as they need no answer of another service."""

    def __init__(self, store: JobStore, lifecycle: Lifecycle, jobs: Jobs):
        self._store = store
        self._lifecycle = lifecycle
        self._jobs = jobs

    async def get(self, batch_id: str) -> BatchStatus:
        batch = await self._store.batch(batch_id)
        if batch is None:
            raise NotFound(f"There is no batch {batch_id[:100]}. `GET /api/batches` lists all batches.")
        counts = await self._store.counts_of_batches([batch_id])
        return BatchStatus(batch=batch, counts=counts[batch_id])

    async def newest(self, limit: int, before: tuple[str, str] | None = None) -> list[BatchStatus]:
        """Return batches, newest first."""
        batches = await self._store.newest_batches(limit, before)
        counts = await self._store.counts_of_batches([batch.id for batch in batches])
        return [BatchStatus(batch=batch, counts=counts[batch.id]) for batch in batches]

    async def jobs(self, batch_id: str, states: Iterable[JobState] = tuple(JobState)) -> list[Job]:
        """Return the jobs of a batch in the order in which they were submitted."""
        await self.get(batch_id)
        return await self._store.in_batch(batch_id, states)

    async def cancel(self, batch_id: str) -> BatchStatus:
        """Cancel every job that has not ended. One that runs is interrupted at ComfyUI's next step."""
        await self.get(batch_id)
        async with self._lifecycle.lock:
            found = await self._store.in_batch(batch_id, NOT_STARTED)
            cancelled = [ended(job, Event.CANCELLED) for job in found]
            await self._lifecycle.save_ends(cancelled)
        self._lifecycle.publish(cancelled)
        for job in await self._store.in_batch(batch_id, {JobState.RUNNING}):
            await self._jobs.cancel(job.id)
        return await self.get(batch_id)

    async def retry(self, batch_id: str) -> BatchStatus:
        """Queue the jobs again that have failed, are blocked or have expired: all of them or none."""
        await self._jobs.retry_all(await self.jobs(batch_id, RETRYABLE))
        return await self.get(batch_id)

    async def set_priority(self, batch_id: str, priority: int) -> BatchStatus:
        """Give the jobs that have not ended another priority."""
        await self.get(batch_id)
        async with self._lifecycle.lock:
            found = await self._store.in_batch(batch_id, UNFINISHED)
            changed = [job.changed(priority=priority) for job in found]
            await self._store.save(Changes(jobs=changed))
        self._lifecycle.publish(changed)
        return await self.get(batch_id)
