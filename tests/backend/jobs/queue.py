"""Shorthands for tests of the queue."""

from dataclasses import dataclass
from typing import Any

from backend.core import clock
from backend.core.events import EventBus
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.models import Attempt, ErrorKind, Job, JobError, JobState, new_id
from backend.jobs.schemas import JobRequest, SubmitRequest
from backend.jobs.service import Jobs
from backend.jobs.store import JobStore

PROMPT: dict[str, Any] = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 20}, "_meta": {"title": "Sampler"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}},
}


@dataclass(frozen=True)
class Queue:
    store: JobStore
    lifecycle: Lifecycle
    jobs: Jobs
    events: EventBus

    async def submit(self, **job: Any) -> Job:
        (submitted,) = await self.submit_all(job)
        return submitted

    async def submit_all(self, *jobs: dict[str, Any]) -> list[Job]:
        request = SubmitRequest(prompt=PROMPT, template="portrait", jobs=[JobRequest(**job) for job in jobs])
        return await self.jobs.submit(request, "owner")

    async def submit_as(self, principal: str) -> Job:
        (submitted,) = await self.jobs.submit(SubmitRequest(prompt=PROMPT), principal)
        return submitted

    async def claim(self, worker_id: str = "worker") -> tuple[Job, Attempt]:
        claimed = await self.jobs.claim(worker_id, clock.in_seconds(60), new_id())
        assert claimed, "nothing is queued"
        return claimed

    async def run(self) -> Job:
        """Claim the next job and let it succeed."""
        job, attempt = await self.claim()
        return await self.lifecycle.succeed(job.id, attempt, ())

    async def fail(self, kind: ErrorKind) -> Job:
        """Claim the next job and let it fail."""
        job, attempt = await self.claim()
        failed, _ = await self.lifecycle.fail(job.id, attempt, JobError(kind=kind, message="It failed."))
        return failed

    async def state(self, job: Job) -> JobState:
        return (await self.jobs.get(job.id)).state

    async def order(self) -> list[str]:
        """Return the names of the queued jobs, next first."""
        return [job.name for job in await self.jobs.queued(100)]
