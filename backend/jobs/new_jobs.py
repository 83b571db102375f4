"""Makes jobs of a request: checked, within the limits, all of them or none."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.auth.principal import PrincipalKind
from backend.core import clock
from backend.core.errors import TooManyRequests
from backend.jobs.changes import Changes, PromptContent
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.missing_models import MissingModels
from backend.jobs.models import Batch, Job, JobSource, Origin, new_id
from backend.jobs.partner_keys import PartnerKeys
from backend.jobs.queue_settings import QueuePolicy
from backend.jobs.schemas import JobRequest, SubmitRequest
from backend.jobs.store import JobStore
from backend.jobs.values import check_prompt, with_values
from backend.jobs.webhook_urls import check_webhook

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


class NewJobs:
    def __init__(
        self,
        store: JobStore,
        lifecycle: Lifecycle,
        policy: QueuePolicy,
        models: MissingModels,
        partner_keys: PartnerKeys,
    ):
        self._store = store
        self._lifecycle = lifecycle
        self._policy = policy
        self._models = models
        self._partner_keys = partner_keys

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
            check_webhook(request.webhook, self._policy.current.webhook_allowed_hosts)
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
                self._partner_keys.keep([job.id for job in new], api_key_comfy_org)
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
        limits = self._policy.current
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
            state = await self._lifecycle.dependants.first_state(job)
            job = job if state == job.state else job.changed(state=state)
            jobs.append(job)
            new.append(job)
        return jobs, new

    async def _earlier(self, wanted: JobRequest, principal: str) -> Job | None:
        if wanted.idempotency_key is None:
            return None
        return await self._store.of_key(principal, wanted.idempotency_key)


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
