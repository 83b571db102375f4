"""Runs of earlier jobs: the same again, with other seeds, or with other values."""

from collections.abc import Mapping
from typing import Any

from backend.jobs.inputs import edited_values, new_seeds
from backend.jobs.models import Job, Origin
from backend.jobs.schemas import JobRequest, SubmitRequest
from backend.jobs.service import Jobs


class Reruns:
    """Submits new jobs; the earlier ones stay as they are."""

    def __init__(self, jobs: Jobs):
        self._jobs = jobs

    async def again(self, job_id: str, principal: str) -> Job:
        """Submit a job with the same values."""
        job = await self._jobs.get(job_id)
        (new,) = await self._submit(job, [job.values], principal)
        return new

    async def with_new_seeds(self, job_id: str, principal: str, count: int = 1) -> list[Job]:
        """Submit jobs that differ in their seeds only."""
        job = await self._jobs.get(job_id)
        prompt = (await self._jobs.prompt_of(job)).prompt
        return await self._submit(job, [{**job.values, **new_seeds(prompt)} for _ in range(count)], principal)

    async def edited(self, job_id: str, texts: Mapping[str, str], principal: str) -> Job:
        """Submit a job with the values that a form has for some of its inputs."""
        job = await self._jobs.get(job_id)
        prompt = (await self._jobs.prompt(job)).prompt
        (new,) = await self._submit(job, [edited_values(prompt, job.values, texts)], principal)
        return new

    async def _submit(self, job: Job, values: list[Mapping[str, Any]], principal: str) -> list[Job]:
        content = await self._jobs.prompt(job)
        runs = [
            JobRequest(name=job.name, values=dict(each), priority=job.priority, retry_limit=job.retry_limit)
            for each in values
        ]
        request = SubmitRequest(
            prompt=content.prompt, workflow=content.workflow, template=job.template, jobs=runs
        )
        origin = Origin(template_version=job.template_version, prepared=job.prepared)
        return await self._jobs.submit(request, principal, origin=origin)
