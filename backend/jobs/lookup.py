"""What can be asked about jobs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from backend.core.errors import NotFound
from backend.jobs.changes import PromptContent
from backend.jobs.filters import JobFilter
from backend.jobs.models import Attempt, Job, JobState, Output
from backend.jobs.reader import JobReader
from backend.jobs.values import with_values


class JobLookup:
    """Raises NotFound for what there is not."""

    def __init__(self, reader: JobReader):
        self._reader = reader

    async def get(self, job_id: str) -> Job:
        return await self._reader.get(job_id)

    async def attempts(self, job_id: str) -> list[Attempt]:
        return await self._reader.attempts(job_id)

    async def outputs(self, job_id: str) -> tuple[Output, ...]:
        return await self._reader.outputs(job_id)

    async def prompt(self, job: Job) -> PromptContent:
        """Return what the job starts from. Its own values are not set yet."""
        content = await self._reader.prompt(job.prompt_hash)
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
        return await self._reader.newest(wanted, limit, before)

    async def ended(self, wanted: JobFilter, limit: int, before: tuple[str, str] | None = None) -> list[Job]:
        """Return jobs that have ended, the newest end first."""
        return await self._reader.ended(wanted, limit, before)

    async def in_state(self, state: JobState, limit: int) -> list[Job]:
        return await self._reader.in_state(state, limit)

    async def outputs_of(self, jobs: Sequence[Job]) -> dict[str, tuple[Output, ...]]:
        """Return the outputs of many jobs by their ids."""
        return await self._reader.outputs_of([job.id for job in jobs])

    async def runs_like(self, job: Job, limit: int) -> list[Job]:
        """Return the newest jobs that started from the same prompt and succeeded."""
        return await self._reader.runs_of_prompt(job.prompt_hash, limit)

    async def of_batch(self, batch_id: str, limit: int) -> list[Job]:
        """Return jobs of a batch in the order in which they were submitted. NotFound when there is none."""
        jobs = await self._reader.of_batch(batch_id, limit)
        if not jobs:
            raise NotFound(f"There is no batch {batch_id}.")
        return jobs

    async def batch_counts(self, batch_id: str) -> dict[JobState, int]:
        return (await self._reader.counts_of_batches([batch_id]))[batch_id]

    async def queued(self, limit: int, after_job: Job | None = None) -> list[Job]:
        """Return jobs in the order in which they will run."""
        return await self._reader.queued(limit, after_job)

    async def unprepared(self, limit: int) -> list[Job]:
        """Return waiting jobs that ComfyUI has not been asked about."""
        return await self._reader.unprepared(limit)

    async def counts(self) -> dict[JobState, int]:
        return await self._reader.counts()

    async def latest_of_keys(self, principal: str, prefix: str) -> Job | None:
        """Return the newest job of this principal whose idempotency key starts with `prefix`."""
        return await self._reader.latest_of_keys(principal, prefix)

    async def attempts_under_way(self) -> set[str]:
        """Return the ids of the prompts that ComfyUI may have because of jobs."""
        return await self._reader.attempts_under_way()

    async def has_attempt(self, prompt_id: str) -> bool:
        """Return whether a prompt at ComfyUI is one of ours."""
        return await self._reader.has_attempt(prompt_id)

    async def of_key(self, principal: str, idempotency_key: str) -> Job | None:
        """Return the job that this principal submitted with this key."""
        return await self._reader.of_key(principal, idempotency_key)

    async def queue_position(self, job: Job) -> int | None:
        """Return how many jobs run before this one; None where it is not queued."""
        return await self._reader.count_queued_before(job) if job.state == JobState.QUEUED else None

    async def states(self, job_ids: Sequence[str]) -> dict[str, JobState]:
        """Return the states of those of the jobs that are known."""
        return await self._reader.states(job_ids)

    async def unfinished(self, job_ids: Sequence[str]) -> set[str]:
        """Return those of the jobs that have not ended."""
        states = await self._reader.states(job_ids)
        return {job_id for job_id, state in states.items() if not state.is_final}

    async def ended_since(self, moment: datetime) -> list[Job]:
        """Return the jobs that have ended since then, oldest first."""
        return await self._reader.ended_since(moment)
