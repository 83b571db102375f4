"""Jobs as users and other features handle them: submit, look, change, cancel, retry, pause."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from backend.auth.principal import PrincipalKind
from backend.core import clock
from backend.core.errors import CannotRecord, Conflict, InvalidRequest, NotFound, TooManyRequests
from backend.core.events import EventBus
from backend.jobs.cancellations import Cancellations
from backend.jobs.changes import Changes, PromptContent
from backend.jobs.filters import JobFilter
from backend.jobs.lifecycle import Lifecycle, ended, waiting_state
from backend.jobs.models import (
    HIGHEST_PRIORITY,
    Attempt,
    Batch,
    ErrorKind,
    Job,
    JobSource,
    JobState,
    Origin,
    Output,
    QueueChanged,
    new_id,
)
from backend.jobs.models_needed import ModelSupply, NoSupply
from backend.jobs.partner_keys import PartnerKeys
from backend.jobs.queue_settings import AfterCrash, QueuePolicy, QueueSettings, QueueSettingsChange
from backend.jobs.schemas import ChangeRequest, JobRequest, SubmitRequest
from backend.jobs.store import JobStore
from backend.jobs.transitions import Event, after
from backend.jobs.values import check_prompt, with_values
from backend.jobs.webhook_urls import check_webhook

PAUSED = "paused"
# Set while the control plane runs.
RUNNING = "running"
# How the labels of principals begin that are API keys.
KEY = f"{PrincipalKind.KEY}:"
RETRY_AFTER_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class _Made:
    """What the new jobs of one submission share, and the transfers that each waits for."""

    prompt_hash: str
    principal: str
    source: JobSource
    origin: Origin
    downloads: Sequence[tuple[str, ...]]


class Jobs:
    """The queue. Every change is on disk before it is returned or published."""

    def __init__(
        self,
        store: JobStore,
        lifecycle: Lifecycle,
        events: EventBus,
        models: ModelSupply = NoSupply(),  # noqa: B008 - it has no state
    ):
        self._store = store
        self._models = models
        self.policy = QueuePolicy(store)
        self._lifecycle = lifecycle
        self._events = events
        # Running jobs that a user wants to stop, for the worker.
        self.cancellations = Cancellations()
        # Keys of running and waiting jobs, for the worker.
        self.partner_keys = PartnerKeys(events)
        self._paused = False

    async def load(self) -> None:
        """Take up the queue as it was, or as the settings say after a crash."""
        await self._take_up(has_crashed=await self._store.setting(RUNNING) == "1")

    async def take_over(self) -> None:
        """Take up what a pod that is gone has left."""
        await self._take_up(has_crashed=True)

    async def _take_up(self, *, has_crashed: bool) -> None:
        await self.policy.load()
        self._paused = await self._store.setting(PAUSED) == "1"
        settings = {RUNNING: "1"}
        if has_crashed and self.policy.current.after_crash != AfterCrash.AS_BEFORE:
            self._paused = self.policy.current.after_crash == AfterCrash.PAUSED
            settings[PAUSED] = "1" if self._paused else "0"
        with contextlib.suppress(CannotRecord):
            await self._store.save(Changes(settings=settings))
        self._lifecycle.work_available.set()

    async def close(self) -> None:
        """Note that the control plane ends as it should."""
        with contextlib.suppress(CannotRecord):
            await self._store.save(Changes(settings={RUNNING: "0"}))

    # Looking

    async def get(self, job_id: str) -> Job:
        return await self._lifecycle.get(job_id)

    async def attempts(self, job_id: str) -> list[Attempt]:
        return await self._store.attempts(job_id)

    async def outputs(self, job_id: str) -> tuple[Output, ...]:
        return await self._store.outputs(job_id)

    async def prompt(self, job: Job) -> PromptContent:
        """Return what the job starts from. Its own values are not set yet."""
        content = await self._store.prompt(job.prompt_hash)
        if content is None:
            raise NotFound(f"The workflow of job {job.id} is not on this pod any more.")
        return content

    async def prompt_of(self, job: Job) -> PromptContent:
        """Return what the job runs: the prompt with its values set."""
        content = await self.prompt(job)
        if not job.prepared:
            return content
        return replace(content, prompt=with_values(content.prompt, job.values))

    async def newest(self, wanted: JobFilter, limit: int, before: tuple[str, str] | None = None) -> list[Job]:
        return await self._store.newest(wanted, limit, before)

    async def ended(self, wanted: JobFilter, limit: int, before: tuple[str, str] | None = None) -> list[Job]:
        """Return jobs that have ended, the newest end first."""
        return await self._store.ended(wanted, limit, before)

    async def in_state(self, state: JobState, limit: int) -> list[Job]:
        return await self._store.in_state(state, limit)

    async def outputs_of(self, jobs: Sequence[Job]) -> dict[str, tuple[Output, ...]]:
        """Return the outputs of many jobs by their ids."""
        return await self._store.outputs_of([job.id for job in jobs])

    async def runs_like(self, job: Job, limit: int) -> list[Job]:
        """Return the newest jobs that started from the same prompt and succeeded."""
        return await self._store.runs_of_prompt(job.prompt_hash, limit)

    async def of_batch(self, batch_id: str, limit: int) -> list[Job]:
        """Return jobs of a batch in the order in which they were submitted. NotFound when there is none."""
        jobs = await self._store.of_batch(batch_id, limit)
        if not jobs:
            raise NotFound(f"There is no batch {batch_id}.")
        return jobs

    async def batch_counts(self, batch_id: str) -> dict[JobState, int]:
        return (await self._store.counts_of_batches([batch_id]))[batch_id]

    async def queued(self, limit: int, after_job: Job | None = None) -> list[Job]:
        """Return jobs in the order in which they will run."""
        return await self._store.queued(limit, after_job)

    async def unprepared(self, limit: int) -> list[Job]:
        """Return waiting jobs that ComfyUI has not been asked about."""
        return await self._store.unprepared(limit)

    async def counts(self) -> dict[JobState, int]:
        return await self._store.counts()

    async def latest_of_keys(self, principal: str, prefix: str) -> Job | None:
        """Return the newest job of this principal whose idempotency key starts with `prefix`."""
        return await self._store.latest_of_keys(principal, prefix)

    async def attempts_under_way(self) -> set[str]:
        """Return the ids of the prompts that ComfyUI may have because of jobs."""
        return await self._store.attempts_under_way()

    async def has_attempt(self, prompt_id: str) -> bool:
        """Return whether a prompt at ComfyUI is one of ours."""
        return await self._store.has_attempt(prompt_id)

    async def of_key(self, principal: str, idempotency_key: str) -> Job | None:
        """Return the job that this principal submitted with this key."""
        return await self._store.of_key(principal, idempotency_key)

    async def queue_position(self, job: Job) -> int | None:
        """Return how many jobs run before this one; None where it is not queued."""
        return await self._store.count_queued_before(job) if job.state == JobState.QUEUED else None

    async def states(self, job_ids: Sequence[str]) -> dict[str, JobState]:
        """Return the states of those of the jobs that are known."""
        return await self._store.states(job_ids)

    async def unfinished(self, job_ids: Sequence[str]) -> set[str]:
        """Return those of the jobs that have not ended."""
        states = await self._store.states(job_ids)
        return {job_id for job_id, state in states.items() if not state.is_final}

    async def ended_since(self, moment: datetime) -> list[Job]:
        """Return the jobs that have ended since then, oldest first."""
        return await self._store.ended_since(moment)

    # Submitting

    async def submit(
        self,
        request: SubmitRequest,
        principal: str,
        source: JobSource = JobSource.API,
        origin: Origin = Origin(),  # noqa: B008 - immutable
        *,
        api_key_comfy_org: str | None = None,
    ) -> list[Job]:
        """Queue one job for each of `request.jobs`: all of them or none.

        A job whose idempotency key this principal has used before is not created again; the earlier one is returned.
        Jobs whose models are being downloaded wait for them.
        `api_key_comfy_org` is for API nodes, and never stored.
        """
        content = PromptContent(prompt=request.prompt, workflow=request.workflow)
        if origin.prepared:
            check_prompt(request.prompt)
            for wanted in request.jobs:
                with_values(request.prompt, wanted.values)
        if request.webhook:
            check_webhook(request.webhook, self.policy.current.webhook_allowed_hosts)
        earlier = [await self._earlier(wanted, principal) for wanted in request.jobs]
        if all(earlier):
            return [job for job in earlier if job]
        await self._check_limit(len(request.jobs), principal)
        downloads = await self._downloads_for(request, content) if origin.prepared else None
        async with self._lifecycle.lock:
            await self._check_limit(len(request.jobs), principal)
            made = _Made(
                prompt_hash=content.hash,
                principal=principal,
                source=source,
                origin=origin,
                downloads=downloads or [()] * len(request.jobs),
            )
            jobs, new = await self._new_jobs(request, made)
            batches = [_batch_of(request, new[0], origin)] if new and new[0].batch_id else []
            await self._store.save(Changes(prompts=[content] if new else [], batches=batches, jobs=new))
            if api_key_comfy_org:
                self.partner_keys.keep([job.id for job in new], api_key_comfy_org)
        self._lifecycle.publish(new)
        return jobs

    async def _downloads_for(
        self, request: SubmitRequest, content: PromptContent
    ) -> Sequence[tuple[str, ...]]:
        """Return the transfers that each job waits for."""
        return await self._models.prepare(
            content,
            [wanted.values for wanted in request.jobs],
            download=request.download_models,
            allow_pickle=request.allow_pickle,
        )

    async def _check_limit(self, count: int, principal: str) -> None:
        limits = self.policy.current
        counts = await self._store.counts()
        unfinished = sum(number for state, number in counts.items() if not state.is_final)
        if unfinished + count > limits.max_jobs:
            raise _queue_full("The queue holds", limits.max_jobs, unfinished)
        if limits.max_jobs_per_key is not None and principal.startswith(KEY):
            unfinished = await self._store.unfinished_of(principal)
            if unfinished + count > limits.max_jobs_per_key:
                raise _queue_full("This API key may have", limits.max_jobs_per_key, unfinished)

    async def _new_jobs(self, request: SubmitRequest, made: "_Made") -> tuple[list[Job], list[Job]]:
        """Return all jobs of the request, and those of them that are new."""
        _, last = await self._store.positions()
        batch_id = new_id() if len(request.jobs) > 1 else None
        jobs, new = [], []
        for number, wanted in enumerate(request.jobs, start=1):
            earlier = await self._earlier(wanted, made.principal)
            if earlier:
                jobs.append(earlier)
                continue
            job = Job(
                id=new_id(),
                name=wanted.name or request.template or "workflow",
                priority=wanted.priority,
                position=last + number,
                batch_id=batch_id,
                prompt_hash=made.prompt_hash,
                values=wanted.values,
                template=request.template,
                webhook=request.webhook,
                template_version=made.origin.template_version,
                cell=made.origin.cells[number - 1] if made.origin.cells else {},
                prepared=made.origin.prepared,
                metadata=wanted.metadata,
                idempotency_key=wanted.idempotency_key,
                principal=made.principal,
                source=made.source,
                retry_limit=wanted.retry_limit,
                created_at=clock.now(),
                start_at=wanted.start_at,
                deadline=wanted.deadline,
                depends_on=tuple(dict.fromkeys(wanted.depends_on)),
                downloads=made.downloads[number - 1],
            )
            state = await self._first_state(job)
            job = job if state == job.state else job.changed(state=state)
            jobs.append(job)
            new.append(job)
        return jobs, new

    async def _earlier(self, wanted: JobRequest, principal: str) -> Job | None:
        if wanted.idempotency_key is None:
            return None
        return await self._store.of_key(principal, wanted.idempotency_key)

    async def _first_state(self, job: Job) -> JobState:
        if not job.depends_on:
            return waiting_state(job, {})
        states = await self._store.states(job.depends_on)
        unknown = [other for other in job.depends_on if other not in states]
        if unknown:
            raise InvalidRequest(f"There is no job {unknown[0]} to depend on.", code="unknown_dependency")
        return waiting_state(job, states)

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
                job = job.changed(state=await self._first_state(job))
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
        """Queue a job again that has failed, was cancelled, is blocked or has expired; its counters start again.

        Jobs that were blocked because of it wait for it again.

        Where a model is missing, its download is started again, and the job waits for it.
        """
        downloads = await self._models_again(await self.get(job_id))
        async with self._lifecycle.lock:
            job = await self.get(job_id)
            state = after(job.state, Event.RETRIED)
            job = job.changed(
                state=after(state, Event.HELD) if downloads or not job.prepared else state,
                downloads=downloads,
                failures=0,
                crashes=0,
                cancel_requested=False,
                error=None,
                finished_at=None,
                deadline=None,
            )
            changes = Changes(jobs=[job, *await self._lifecycle.revived_by(job)])
            await self._store.save(changes)
        self._lifecycle.publish(changes.jobs)
        return job

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
        return self._paused

    async def pause(self) -> None:
        """Start no more jobs. What runs ends normally."""
        await self._set_paused(paused=True)

    async def resume(self) -> None:
        await self._set_paused(paused=False)

    async def _set_paused(self, *, paused: bool) -> None:
        await self._store.save(Changes(settings={PAUSED: "1" if paused else "0"}))
        self._paused = paused
        self._lifecycle.work_available.set()
        self._events.publish(QueueChanged())

    async def change_settings(self, request: QueueSettingsChange) -> QueueSettings:
        settings = await self.policy.change(request)
        self._lifecycle.work_available.set()
        self._events.publish(QueueChanged())
        return settings

    # For the worker

    async def next_up(self) -> Job | None:
        """Return the first job of the queue; None where it is empty or nothing may start now."""
        queued = await self._store.queued(1) if self._may_start else []
        return queued[0] if queued else None

    @property
    def _may_start(self) -> bool:
        return not self._paused and not self.policy.is_quiet(clock.now())

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
        if not self._may_start:
            return None
        return await self._lifecycle.claim(
            worker_id, lease_expires_at, attempt_id, process_id, prefetch=prefetch
        )


def _queue_full(what: str, limit: int, unfinished: int) -> TooManyRequests:
    return TooManyRequests(
        f"{what} at most {limit} unfinished jobs, and there are {unfinished}. Wait until some have finished.",
        code="queue_full",
        retry_after=RETRY_AFTER_SECONDS,
    )


def _batch_of(request: SubmitRequest, job: Job, origin: Origin) -> Batch:
    return Batch(
        id=job.batch_id or job.id,
        name=job.name,
        size=len(request.jobs),
        template=request.template,
        template_version=origin.template_version,
        axes=origin.axes,
        principal=job.principal,
        created_at=job.created_at,
    )
