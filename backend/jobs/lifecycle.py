"""How jobs move on by themselves: claimed, ended, tried again, released by what they waited for."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from backend.core import clock
from backend.core.events import EventBus
from backend.jobs.attempts import after_failure, begun, ended, is_current, withdrawn
from backend.jobs.changes import Changes, PromptContent
from backend.jobs.dependants import Dependants
from backend.jobs.models import (
    Attempt,
    AttemptState,
    ErrorKind,
    Job,
    JobChanged,
    JobError,
    JobState,
    Output,
    QueueFinished,
)
from backend.jobs.retry import Decision, decide
from backend.jobs.store import JobStore
from backend.jobs.transitions import LOSSES, Event

UNSTARTED = frozenset({JobState.WAITING, JobState.QUEUED})


class Lifecycle:
    """Every change is on disk before it is returned or published."""

    def __init__(self, store: JobStore, events: EventBus):
        self._store = store
        self._events = events
        self.dependants = Dependants(store)
        # One change at a time: what is read before a change must still hold when it is written.
        self.lock = asyncio.Lock()
        # Set whenever a worker may find something to do.
        self.work_available = asyncio.Event()
        self._succeeded = self._failed = 0
        # When the next start time or deadline comes; now until that has been looked up.
        self._due_at: datetime | None = clock.now()

    async def claim(
        self,
        worker_id: str,
        lease_expires_at: datetime,
        attempt_id: str,
        process_id: str | None = None,
        *,
        prefetch: bool = False,
    ) -> tuple[Job, Attempt] | None:
        """Make an attempt of the next job; None where nothing is queued. `prefetch` leaves the job queued until it begins."""
        async with self.lock:
            claimed = await self._store.claim(
                worker_id, lease_expires_at, attempt_id, process_id, prefetch=prefetch
            )
        if claimed:
            self.publish([claimed[0]])
        return claimed

    async def begin(self, attempt: Attempt, lease_expires_at: datetime) -> tuple[Job, Attempt] | None:
        """Note that ComfyUI runs the prompt. Return None when the job was changed, cancelled or has expired before."""
        async with self.lock:
            job = await self._store.get(attempt.job_id)
            if not is_current(attempt, job):
                return None
            if job.state != JobState.RUNNING:
                job, attempt = begun(job, attempt.changed(lease_expires_at=lease_expires_at))
                await self._store.save(Changes(jobs=[job], attempts=[attempt]))
        self.publish([job])
        return job, attempt

    async def withdraw(self, attempt: Attempt) -> None:
        """End an attempt that has not begun and is not at ComfyUI any more; its job stays where it is."""
        async with self.lock:
            job, attempt = withdrawn(await self._store.get(attempt.job_id), attempt)
            await self._store.save(Changes(jobs=[job], attempts=[attempt]))
        self.publish([job])

    async def take_over(self, worker_id: str, lease_expires_at: datetime) -> tuple[Job, Attempt] | None:
        """Return an attempt under way whose worker is gone, now owned by `worker_id`."""
        async with self.lock:
            return await self._store.take_over(worker_id, lease_expires_at)

    async def renew(self, attempt: Attempt, lease_expires_at: datetime) -> bool:
        """Return whether the worker still owns the attempt."""
        return await self._store.renew_lease(attempt, lease_expires_at)

    async def ended_attempts(self, attempt_ids: Sequence[str]) -> list[str]:
        """Return those of the attempts that are known here and have ended."""
        return await self._store.ended_attempts(attempt_ids)

    async def succeed(self, job_id: str, attempt: Attempt, outputs: tuple[Output, ...]) -> Job:
        """End a job with its outputs."""
        async with self.lock:
            job = ended(await self._store.get(job_id), Event.SUCCEEDED).changed(error=None)
            attempt = attempt.changed(state=AttemptState.SUCCEEDED, finished_at=clock.now())
            changes = Changes(jobs=[job], attempts=[attempt], outputs={job.id: outputs})
            await self.save_with_dependants(changes, job)
        await self._published_end(job, changes)
        return job

    async def end_cancelled(self, job_id: str, attempt: Attempt) -> Job:
        """End a job whose prompt was interrupted."""
        async with self.lock:
            job = ended(await self._store.get(job_id), Event.CANCELLED)
            attempt = attempt.changed(state=AttemptState.CANCELLED, finished_at=clock.now())
            changes = Changes(jobs=[job], attempts=[attempt])
            await self.save_with_dependants(changes, job)
        await self._published_end(job, changes)
        return job

    async def fail(
        self, job_id: str, attempt: Attempt, error: JobError, downloads: tuple[str, ...] = ()
    ) -> tuple[Job, Decision]:
        """End an attempt with an error, and the job too unless it is to be tried again.

        `downloads` are transfers that were started because a model is missing.
        """
        async with self.lock:
            job = (await self._store.get(job_id)).changed(downloads=downloads)
            decision = decide(job, error.kind)
            job = after_failure(job, decision, error)
            lost = error.kind in LOSSES
            attempt = attempt.changed(
                state=AttemptState.LOST if lost else AttemptState.FAILED, error=error, finished_at=clock.now()
            )
            changes = Changes(jobs=[job], attempts=[attempt])
            await self.save_with_dependants(changes, job)
        await self._published_end(job, changes)
        return job, decision

    async def set_prepared(self, content: PromptContent, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Give jobs that waited for ComfyUI their prompt and their values, and queue them unless they wait for more."""
        async with self.lock:
            jobs = []
            for job_id, own in values.items():
                job = await self._store.get(job_id)
                if job.state == JobState.WAITING:
                    job = job.changed(prepared=True, prompt_hash=content.hash, values=own)
                    jobs.append(job.changed(state=await self.dependants.state_of(job)))
            await self._store.save(Changes(prompts=[content] if jobs else [], jobs=jobs))
        self.publish(jobs)

    async def refuse(self, job_id: str, error: JobError) -> None:
        """Let a job fail that cannot run, before any attempt."""
        async with self.lock:
            job = await self._store.get(job_id)
            if job.state != JobState.WAITING:
                return
            job = ended(job, Event.FAILED).changed(error=error)
            changes = Changes(jobs=[job])
            await self.save_with_dependants(changes, job)
        await self._published_end(job, changes)

    async def release_waiting(self) -> None:
        """Queue the jobs whose start time has come, and let those expire whose deadline has passed."""
        if self.seconds_until_due() != 0:
            return
        async with self.lock:
            expired = [ended(job, Event.EXPIRED) for job in await self._store.overdue()]
            due = [
                job.changed(state=await self.dependants.state_of(job))
                for job in await self._store.due(limit=1000)
            ]
            ready = [job for job in due if job.state != JobState.WAITING]
            changes = Changes(jobs=[*expired, *ready])
            for job in expired:
                changes.jobs.extend(await self.dependants.released_by(job))
            if changes.jobs:
                await self._store.save(changes)
            self._due_at = await self._store.next_due()
        self.publish(changes.jobs)

    def seconds_until_due(self) -> float | None:
        """Return how long it is until a start time or a deadline comes; None where no job has one."""
        return max(0.0, (self._due_at - clock.now()).total_seconds()) if self._due_at else None

    async def downloads_awaited(self) -> set[str]:
        """Return the transfers that jobs wait for."""
        return await self._store.downloads_awaited()

    async def downloads_ended(self, done: frozenset[str], stopped: Mapping[str, str]) -> None:
        """Queue the jobs whose last transfer is done. Block those that wait for one in `stopped`, which says why."""
        async with self.lock:
            changes = Changes()
            for job in await self._store.of_downloads([*done, *stopped]):
                changed = await self._after_downloads(job, done, stopped)
                changes.jobs.append(changed)
                if changed.state == JobState.BLOCKED:
                    changes.jobs.extend(await self.dependants.released_by(changed))
            if changes.jobs:
                await self._store.save(changes)
        self.publish(changes.jobs)

    async def _after_downloads(self, job: Job, done: frozenset[str], stopped: Mapping[str, str]) -> Job:
        reason = next((stopped[each] for each in job.downloads if each in stopped), None)
        if reason:
            error = JobError(kind=ErrorKind.MISSING_MODEL, message=reason)
            return job.changed(state=JobState.BLOCKED, error=error)
        job = job.changed(downloads=tuple(each for each in job.downloads if each not in done))
        if job.downloads:
            return job
        state = await self.dependants.state_of(job)
        return job.changed(state=state, error=None)

    async def save_with_dependants(self, changes: Changes, job: Job) -> None:
        """Save `changes`, and what the end of `job` means for the jobs that wait for it, which are added."""
        if job.state.is_final or job.state == JobState.BLOCKED:
            changes.jobs.extend(await self.dependants.released_by(job))
        await self._store.save(changes)

    async def save_ends(self, jobs: Sequence[Job]) -> None:
        """Save many jobs that have ended, and what that means for others that wait for them."""
        changes = {job.id: job for job in jobs}
        for job in jobs:
            for released in await self.dependants.released_by(job):
                changes.setdefault(released.id, released)
        await self._store.save(Changes(jobs=list(changes.values())))

    async def _published_end(self, job: Job, changes: Changes) -> None:
        self.publish(changes.jobs)
        if job.state == JobState.SUCCEEDED:
            self._succeeded += 1
        elif job.state in (JobState.FAILED, JobState.BLOCKED):
            self._failed += 1
        if not await self._store.has_work():
            self._events.publish(QueueFinished(succeeded=self._succeeded, failed=self._failed))
            self._succeeded = self._failed = 0

    def publish(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            if job.state in UNSTARTED and (job.start_at or job.deadline):
                self._due_at = clock.now()
            self._events.publish(JobChanged(job=job))
            self.work_available.set()
