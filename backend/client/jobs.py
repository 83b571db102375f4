"""Jobs and batches: submit, control, follow, and get what they made."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from backend.client.connection import Connection, part
from backend.client.errors import UnexpectedResponse
from backend.client.models import Batch, Job, JobDetails, JobProgress, QueueStatus, SubmitReport

PATH, BATCHES = "/api/jobs", "/api/batches"
PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class JobUpdate:
    """What changed. `reread`: more than this says, so that the jobs of interest have to be asked for."""

    reread: bool = False
    job: Job | None = None
    progress: JobProgress | None = None


class JobsClient:
    """`/api/jobs`, `/api/batches` and `/ws/jobs`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def submit(self, **request: Any) -> SubmitReport:
        """Queue the jobs of a prompt or of a template: all of them or none."""
        return await self._connection.post(PATH, SubmitReport, json=request)

    async def newest(self, limit: int, **filters: Any) -> list[Job]:
        """Return the newest jobs, newest first."""
        found: list[Job] = []
        pages = self._connection.pages(PATH, list[Job], limit=min(limit, PAGE), **filters)
        async with aclosing(_generator(pages)) as following:
            async for page in following:
                found += page
                if len(found) >= limit:
                    break
        return found[:limit]

    async def of_batch(self, batch_id: str) -> list[Job]:
        """Return the jobs of a batch, newest first."""
        return await self._connection.all(PATH, list[Job], batch=batch_id, limit=PAGE)

    async def queue(self, limit: int = PAGE) -> list[Job]:
        """Return the jobs that run next, in that order."""
        return await self._connection.get(f"{PATH}/queue", list[Job], limit=limit)

    async def status(self) -> QueueStatus:
        return await self._connection.get(f"{PATH}/status", QueueStatus)

    async def get(self, job_id: str) -> JobDetails:
        return await self._connection.get(f"{PATH}/{part(job_id)}", JobDetails)

    async def control(self, action: str, job_id: str) -> Job:
        """Cancel or retry a job, or have it run next."""
        return await self._connection.post(f"{PATH}/{part(job_id)}/{action}", Job)

    async def set_priority(self, job_id: str, priority: int) -> Job:
        path = f"{PATH}/{part(job_id)}"
        response = await self._connection.request("PATCH", path, json={"priority": priority})
        return Job.model_validate_json(response.content)

    async def move(self, job_ids: Sequence[str], to: str) -> list[Job]:
        """Put jobs `first` or `last` among those of their priority."""
        return await self._connection.post(f"{PATH}/move", list[Job], json={"ids": [*job_ids], "to": to})

    async def pause(self) -> None:
        await self._connection.request("POST", f"{PATH}/pause")

    async def resume(self) -> None:
        await self._connection.request("POST", f"{PATH}/resume")

    async def batches(self, limit: int) -> list[Batch]:
        """Return the newest batches, newest first."""
        return await self._connection.get(BATCHES, list[Batch], limit=limit)

    async def batch(self, batch_id: str) -> Batch:
        return await self._connection.get(f"{BATCHES}/{part(batch_id)}", Batch, limit=0)

    async def control_batch(self, action: str, batch_id: str) -> Batch:
        """Cancel a batch, or retry what has failed of it."""
        return await self._connection.post(f"{BATCHES}/{part(batch_id)}/{action}", Batch)

    async def set_batch_priority(self, batch_id: str, priority: int) -> Batch:
        path = f"{BATCHES}/{part(batch_id)}"
        response = await self._connection.request("PATCH", path, json={"priority": priority})
        return Batch.model_validate_json(response.content)

    async def output(self, job_id: str, number: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of one output; `number` counts from 0."""
        async with aclosing(self._connection.stream(f"{PATH}/{part(job_id)}/outputs/{number}")) as chunks:
            async for chunk in chunks:
                yield chunk

    async def follow(self) -> AsyncGenerator[JobUpdate, None]:
        """Yield updates without end; after each reconnection, one that asks to read again."""
        while True:
            async with aclosing(self._connection.frames("ws/jobs")) as frames:
                async for frame in frames:
                    yield _update(frame)


async def _generator(pages: AsyncIterator[list[Job]]) -> AsyncGenerator[list[Job], None]:
    async for page in pages:
        yield page


def _update(text: str | bytes) -> JobUpdate:
    """Frames of a kind that this client does not know change nothing."""
    try:
        match json.loads(text):
            case {"type": "snapshot" | "queue"}:
                return JobUpdate(reread=True)
            case {"type": "changed", "job": job}:
                return JobUpdate(job=Job.model_validate(job))
            case {"type": "progress", **progress}:
                return JobUpdate(progress=JobProgress.model_validate(progress))
    except (ValidationError, ValueError):
        raise UnexpectedResponse(
            "The control plane sends updates that this client does not understand. Use the client of its version."
        ) from None
    return JobUpdate()
