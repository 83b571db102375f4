"""Actions on several jobs at once, which cost one write for all of them."""

from collections.abc import Sequence

from backend.core.errors import Conflict, NotFound
from backend.jobs.attempts import ended
from backend.jobs.changes import Changes
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.models import Job, JobState
from backend.jobs.service import Jobs
from backend.jobs.store import JobStore
from backend.jobs.transitions import Event, sources_of


class Selection:
    """Each action leaves out the jobs for which it is not possible, and returns for how many it was."""

    def __init__(self, store: JobStore, lifecycle: Lifecycle, jobs: Jobs):
        self._store = store
        self._lifecycle = lifecycle
        self._jobs = jobs

    async def cancel(self, job_ids: Sequence[str]) -> int:
        async with self._lifecycle.lock:
            found = await self._those_in(job_ids, sources_of(Event.CANCELLED))
            waiting = [job for job in found if job.state != JobState.RUNNING]
            cancelled = [ended(job, Event.CANCELLED) for job in waiting]
            await self._lifecycle.save_ends(cancelled)
        self._lifecycle.publish(cancelled)
        for job in found:
            if job.state == JobState.RUNNING:
                await self._jobs.cancel(job.id)
        return len(found)

    async def set_priority(self, job_ids: Sequence[str], priority: int) -> int:
        async with self._lifecycle.lock:
            unfinished = frozenset(state for state in JobState if not state.is_final)
            found = await self._those_in(job_ids, unfinished)
            changed = [job.changed(priority=priority) for job in found]
            await self._store.save(Changes(jobs=changed))
        self._lifecycle.publish(changed)
        return len(changed)

    async def retry(self, job_ids: Sequence[str]) -> int:
        """Try jobs again, one after the other: each may have to look for its models."""
        retried = 0
        for job_id in job_ids:
            try:
                await self._jobs.retry(job_id)
            except (Conflict, NotFound):
                continue
            retried += 1
        return retried

    async def _those_in(self, job_ids: Sequence[str], states: frozenset[JobState]) -> list[Job]:
        found = [await self._store.find(job_id) for job_id in dict.fromkeys(job_ids)]
        return [job for job in found if job is not None and job.state in states]
