"""Jobs as users and other features handle them: submit, look, change, cancel, retry, pause."""

from collections.abc import Container, Sequence
from datetime import datetime

from backend.core.errors import Conflict
from backend.core.events import EventBus
from backend.jobs.attempts import ended
from backend.jobs.cancellations import Cancellations
from backend.jobs.changes import Changes
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.lookup import JobLookup
from backend.jobs.missing_models import MissingModels, UncheckedModels
from backend.jobs.models import (
    HIGHEST_PRIORITY,
    Attempt,
    ErrorKind,
    Job,
    JobState,
    QueueChanged,
)
from backend.jobs.new_jobs import NewJobs
from backend.jobs.partner_keys import PartnerKeys
from backend.jobs.pausing import Pausing
from backend.jobs.queue_settings import QueuePolicy, QueueSettings, QueueSettingsChange
from backend.jobs.schemas import ChangeRequest
from backend.jobs.store import JobStore
from backend.jobs.transitions import Event, after
from backend.jobs.values import with_values


class Jobs(JobLookup):
    """The queue. Every change is on disk before it is returned or published."""

    def __init__(
        self,
        store: JobStore,
        lifecycle: Lifecycle,
        events: EventBus,
        models: MissingModels = UncheckedModels(),  # noqa: B008 - it has no state
    ):
        super().__init__(store)
        self._store = store
        self._models = models
        self._lifecycle = lifecycle
        self._events = events
        self.policy = QueuePolicy(store)
        self._pausing = Pausing(store, self.policy)
        # Running jobs that a user wants to stop, for the worker.
        self.cancellations = Cancellations()
        # Keys of running and waiting jobs, for the worker.
        self.partner_keys = PartnerKeys(events)
        # Queue one job for each of a request.
        self.submit = NewJobs(store, lifecycle, self.policy, models, self.partner_keys).submit

    async def load(self) -> None:
        """Load the state of the queue. After a crash, the settings decide whether it is paused."""
        await self._pausing.load()
        self._lifecycle.work_available.set()

    async def take_over(self) -> None:
        """Continue with the jobs that were taken over from another pod."""
        await self._pausing.take_over()
        self._lifecycle.work_available.set()

    async def close(self) -> None:
        """Record that the control plane ends normally."""
        await self._pausing.close()

    # Changing

    async def change(self, job_id: str, request: ChangeRequest) -> Job:
        """Change a job that has not started. Priority may be changed at any time before the end.

        A prompt that waits at ComfyUI already is then out of date, and the worker takes it back.
        """
        async with self._lifecycle.lock:
            job = await self.get(job_id)
            changes = request.model_dump(exclude_unset=True)
            if job.state.is_final or (job.state == JobState.RUNNING and changes.keys() - {"priority"}):
                raise Conflict(
                    f"The job is {job.state}, so it cannot be changed any more.", code=f"job_{job.state}"
                )
            if "values" in changes and job.prepared:
                with_values((await self.prompt(job)).prompt, changes["values"])
            job = job.changed(**changes)
            if changes.keys() - {"priority"}:
                job = job.changed(attempt_id=None)
            if job.state in (JobState.WAITING, JobState.QUEUED):
                job = job.changed(state=await self._lifecycle.dependants.first_state(job))
            await self._store.save(Changes(jobs=[job]))
        self._lifecycle.publish([job])
        return job

    async def run_next(self, job_id: str) -> Job:
        """Give the job the highest priority. What runs is not interrupted."""
        return await self.change(job_id, ChangeRequest(priority=HIGHEST_PRIORITY))

    async def move(self, job_ids: Sequence[str], *, first: bool) -> list[Job]:
        """Put jobs before or after all others of their priority, in the order given."""
        async with self._lifecycle.lock:
            jobs = [job for job in [await self.get(job_id) for job_id in job_ids] if not job.state.is_final]
            lowest, highest = await self._store.positions()
            start = lowest - len(jobs) if first else highest + 1
            moved = [job.changed(position=start + number) for number, job in enumerate(jobs)]
            await self._store.save(Changes(jobs=moved))
        self._events.publish(QueueChanged())
        return moved

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job; one that runs is interrupted at ComfyUI's next step. Cancelling twice is no error."""
        async with self._lifecycle.lock:
            job = await self.get(job_id)
            if job.state == JobState.CANCELLED:
                return job
            if job.state == JobState.RUNNING:
                after(job.state, Event.CANCELLED)
                job = job.changed(cancel_requested=True)
                changes = Changes(jobs=[job])
                await self._store.save(changes)
                self.cancellations.request(job_id)
            else:
                job = ended(job, Event.CANCELLED)
                changes = Changes(jobs=[job])
                await self._lifecycle.save_with_dependants(changes, job)
        self._lifecycle.publish(changes.jobs)
        return job

    async def retry(self, job_id: str) -> Job:
        """Queue a job again that has failed, was cancelled, is blocked or has expired; its counters start again."""
        (job,) = await self.retry_all([await self.get(job_id)])
        return job

    async def retry_all(self, jobs: Sequence[Job]) -> list[Job]:
        """Queue all of these jobs again, or none of them.

        Jobs that were blocked because of them wait for them again. Where a model is missing, its download is started again,
        and the job waits for it.
        """
        downloads = {job.id: await self._models_again(job) for job in jobs}
        async with self._lifecycle.lock:
            again = [await self.get(job_id) for job_id in downloads]
            retried = [_retried(job, downloads[job.id], waits=_waits_for(job, downloads)) for job in again]
            revived = await self._lifecycle.dependants.revived_by(retried)
            await self._store.save(Changes(jobs=[*retried, *revived]))
        self._lifecycle.publish([*retried, *revived])
        return retried

    async def _models_again(self, job: Job) -> tuple[str, ...]:
        after(job.state, Event.RETRIED)
        if not (job.downloads or (job.error and job.error.kind == ErrorKind.MISSING_MODEL)):
            return ()
        await self._models.retry(job.downloads)
        return await self.download_models(job)

    async def download_models(self, job: Job) -> tuple[str, ...]:
        """Start what the job lacks, and return the transfers. Raise AppError when a file cannot be had."""
        content = await self.prompt(job)
        (downloads,) = await self._models.prepare(content, [job.values], download=True)
        return downloads

    @property
    def is_paused(self) -> bool:
        return self._pausing.is_paused

    async def pause(self) -> None:
        """Start no more jobs. What runs ends normally."""
        await self._pausing.set(paused=True)
        self._publish_change()

    async def resume(self) -> None:
        await self._pausing.set(paused=False)
        self._publish_change()

    async def change_settings(self, request: QueueSettingsChange) -> QueueSettings:
        settings = await self.policy.change(request)
        self._publish_change()
        return settings

    def _publish_change(self) -> None:
        self._lifecycle.work_available.set()
        self._events.publish(QueueChanged())

    # For the worker

    async def next_up(self) -> Job | None:
        """Return the first job of the queue; None where it is empty or nothing may start now."""
        queued = await self._store.queued(1) if self._pausing.may_start else []
        return queued[0] if queued else None

    async def claim(
        self,
        worker_id: str,
        lease_expires_at: datetime,
        attempt_id: str,
        process_id: str | None = None,
        *,
        prefetch: bool = False,
    ) -> tuple[Job, Attempt] | None:
        """Make an attempt of the next job; None where nothing may start now."""
        if not self._pausing.may_start:
            return None
        return await self._lifecycle.claim(
            worker_id, lease_expires_at, attempt_id, process_id, prefetch=prefetch
        )


def _waits_for(job: Job, others: Container[str]) -> bool:
    return any(other in others for other in job.depends_on)


def _retried(job: Job, downloads: tuple[str, ...], *, waits: bool) -> Job:
    state = after(job.state, Event.RETRIED)
    return job.changed(
        state=after(state, Event.HELD) if downloads or waits or not job.prepared else state,
        downloads=downloads,
        failures=0,
        crashes=0,
        cancel_requested=False,
        error=None,
        finished_at=None,
        deadline=None,
    )
