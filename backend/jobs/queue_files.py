"""The queue as one JSON document: export it here, import it on another pod."""

import itertools
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from backend.core import clock
from backend.core.errors import InvalidRequest
from backend.jobs.filters import JobFilter
from backend.jobs.models import Job, JobState, Origin
from backend.jobs.schemas import MAX_JOBS_AT_ONCE, MAX_TEMPLATE_ID, JobRequest, SubmitRequest
from backend.jobs.service import Jobs

OPEN = (JobState.BLOCKED, JobState.QUEUED, JobState.RUNNING, JobState.WAITING)


class ExportedJob(JobRequest):
    """A job that has not ended, in the order of the queue."""

    id: str = Field(min_length=1, max_length=64)
    prompt: str = Field(max_length=64, description="Key in `prompts`.")
    template: str | None = Field(default=None, max_length=MAX_TEMPLATE_ID)
    prepared: bool = True


class ExportedPrompt(BaseModel):
    prompt: dict[str, Any]
    workflow: dict[str, Any] | None = None


class QueueDocument(BaseModel):
    version: Literal[1] = 1
    exported_at: datetime = Field(default_factory=clock.now)
    prompts: dict[str, ExportedPrompt] = Field(max_length=MAX_JOBS_AT_ONCE)
    jobs: list[ExportedJob] = Field(max_length=MAX_JOBS_AT_ONCE)


async def export_queue(jobs: Jobs) -> QueueDocument:
    """Return every job that has not ended. What runs now is included, and starts anew where it is imported."""
    found = await jobs.newest(JobFilter(states=OPEN), MAX_JOBS_AT_ONCE)
    found.sort(key=lambda job: (job.priority, job.position, job.id))
    prompts = {}
    for job in found:
        if job.prompt_hash not in prompts:
            content = await jobs.prompt(job)
            prompts[job.prompt_hash] = ExportedPrompt(prompt=content.prompt, workflow=content.workflow)
    ids = {job.id for job in found}
    return QueueDocument(prompts=prompts, jobs=[_exported(job, ids) for job in found])


async def import_queue(jobs: Jobs, document: QueueDocument, principal: str) -> list[Job]:
    """Queue the jobs of a document in its order. Importing it again returns the jobs of the first time."""
    _check(document)
    imported: dict[str, Job] = {}
    alike = itertools.groupby(
        _in_order(document.jobs), key=lambda job: (job.prompt, job.template, job.prepared)
    )
    for _, group in alike:
        for chunk in _without_inner_dependencies(list(group)):
            content = document.prompts[chunk[0].prompt]
            request = SubmitRequest(
                prompt=content.prompt,
                workflow=content.workflow,
                template=chunk[0].template,
                download_models=True,
                jobs=[_request_of(job, imported) for job in chunk],
            )
            origin = Origin(prepared=chunk[0].prepared)
            submitted = await jobs.submit(request, principal, origin=origin)
            imported |= dict(zip((job.id for job in chunk), submitted, strict=True))
    return list(imported.values())


def _exported(job: Job, ids: set[str]) -> ExportedJob:
    return ExportedJob(
        id=job.id,
        prompt=job.prompt_hash,
        template=job.template,
        prepared=job.prepared,
        name=job.name,
        values=dict(job.values),
        priority=job.priority,
        retry_limit=job.retry_limit,
        start_at=job.start_at,
        deadline=job.deadline,
        # Jobs that have succeeded need not be waited for.
        depends_on=[other for other in job.depends_on if other in ids],
        metadata=dict(job.metadata),
    )


def _request_of(job: ExportedJob, imported: dict[str, Job]) -> JobRequest:
    fields = job.model_dump(include=set(JobRequest.model_fields) - {"depends_on", "idempotency_key"})
    return JobRequest(
        **fields,
        depends_on=[imported[other].id for other in job.depends_on],
        idempotency_key=f"import:{job.id}",
    )


def _check(document: QueueDocument) -> None:
    ids = {job.id for job in document.jobs}
    if len(ids) < len(document.jobs):
        raise InvalidRequest("Two jobs of the document have the same id. Export the queue again.")
    for job in document.jobs:
        if job.prompt not in document.prompts:
            raise InvalidRequest(
                f"The workflow of job {job.id} is not in the document. Export the queue again."
            )
        unknown = set(job.depends_on) - ids
        if unknown:
            raise InvalidRequest(f"Job {job.id} depends on {min(unknown)}, which is not in the document.")


def _in_order(jobs: list[ExportedJob]) -> list[ExportedJob]:
    """Return the jobs with each after those that it depends on. Raise InvalidRequest for a circle."""
    ordered: dict[str, ExportedJob] = {}
    remaining = jobs
    while remaining:
        ready = [job for job in remaining if all(other in ordered for other in job.depends_on)]
        if not ready:
            raise InvalidRequest(f"Job {remaining[0].id} depends on itself, through other jobs.")
        ordered |= {job.id: job for job in ready}
        remaining = [job for job in remaining if job.id not in ordered]
    return list(ordered.values())


def _without_inner_dependencies(jobs: list[ExportedJob]) -> list[list[ExportedJob]]:
    """Split the jobs so that none depends on another of its part: its id is not known yet."""
    parts: list[list[ExportedJob]] = [[]]
    ids: set[str] = set()
    for job in jobs:
        if ids.intersection(job.depends_on):
            parts.append([])
            ids = set()
        parts[-1].append(job)
        ids.add(job.id)
    return parts
