"""Runs of earlier jobs: the same again, with other seeds, or with other values."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.jobs.inputs import edited_values, is_seed, new_seeds
from backend.jobs.models import Axis, Batch, Job, Origin
from backend.jobs.schemas import MAX_JOBS_AT_ONCE, JobRequest, SubmitRequest
from backend.jobs.service import Jobs
from backend.jobs.values import with_values


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

    async def batch_again(self, batch: Batch, principal: str, *, with_new_seeds: bool) -> list[Job]:
        """Submit all jobs of a batch once more, as one batch with the same axes; with new seeds, without axes of seeds."""
        jobs = await self._jobs.of_batch(batch.id, MAX_JOBS_AT_ONCE)
        content = await self._jobs.prompt(jobs[0])
        seeds = [new_seeds(with_values(content.prompt, job.values)) if with_new_seeds else {} for job in jobs]
        runs = [_run_of(job, {**job.values, **own}) for job, own in zip(jobs, seeds, strict=True)]
        axes = tuple(axis for axis in batch.axes if not (with_new_seeds and is_seed(axis.input)))
        names = {axis.input for axis in axes}
        cells = [{name: value for name, value in job.cell.items() if name in names} for job in jobs]
        return await self._submit_runs(jobs[0], runs, principal, axes, cells)

    async def _submit(self, job: Job, values: list[Mapping[str, Any]], principal: str) -> list[Job]:
        return await self._submit_runs(job, [_run_of(job, each) for each in values], principal)

    async def _submit_runs(
        self,
        job: Job,
        runs: list[JobRequest],
        principal: str,
        axes: tuple[Axis, ...] = (),
        cells: Sequence[Mapping[str, Any]] = (),
    ) -> list[Job]:
        content = await self._jobs.prompt(job)
        request = SubmitRequest(
            prompt=content.prompt, workflow=content.workflow, template=job.template, jobs=runs
        )
        origin = Origin(template_version=job.template_version, axes=axes, cells=cells, prepared=job.prepared)
        return await self._jobs.submit(request, principal, origin=origin)


def _run_of(job: Job, values: Mapping[str, Any]) -> JobRequest:
    return JobRequest(name=job.name, values=dict(values), priority=job.priority, retry_limit=job.retry_limit)
