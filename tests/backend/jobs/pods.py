"""A control plane's queue with its worker at a ComfyUI, inside the test's process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from backend.comfy.client import ComfyClient
from backend.comfy.outcomes import PromptRecord, PromptState
from backend.jobs.live import JobProgress, Live
from backend.jobs.models import Attempt, Job, JobChanged, JobState
from backend.jobs.results import Results
from backend.jobs.schemas import JobRequest, SubmitRequest
from backend.jobs.worker import Worker
from tests.backend.jobs.queue import Queue
from tests.backend.jobs.test_survival import pod
from tests.support.comfyui.process import ComfyUI

TIMEOUT_SECONDS = 60


class Pod:
    """A queue with its worker, and where its results go."""

    def __init__(self, queue: Queue, comfy: ComfyClient, outputs: Path):
        self.queue = queue
        self.comfy = comfy
        self.outputs = outputs

    async def submit(self, prompt: dict[str, Any], **job: Any) -> Job:
        request = SubmitRequest(prompt=prompt, template="test.json", jobs=[JobRequest(**job)])
        (submitted,) = await self.queue.jobs.submit(request, "owner")
        return submitted

    async def until(self, job: Job, reached: Callable[[Job], bool]) -> Job:
        """Wait until a job is as wanted."""
        changed = asyncio.Event()
        self.queue.events.subscribe(JobChanged, lambda _: changed.set())
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not reached(now := await self.queue.jobs.get(job.id)):
                await changed.wait()
                changed.clear()
        return now

    async def ended(self, job: Job) -> Job:
        return await self.until(job, lambda now: now.state.is_final or now.state == JobState.BLOCKED)

    async def attempt(self, job: Job) -> Attempt:
        """Return the attempt under way, once there is one."""
        now = await self.until(job, lambda now: now.attempt_id is not None)
        return next(
            attempt for attempt in await self.queue.jobs.attempts(job.id) if attempt.id == now.attempt_id
        )

    async def submitted(self, job: Job) -> PromptRecord:
        """Wait until ComfyUI has the prompt of a job."""
        attempt = await self.attempt(job)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not (record := await self.comfy.prompts.find(attempt.id)):  # noqa: ASYNC110 - only its submitter hears of it
                await asyncio.sleep(0.02)
        return record

    async def waiting_at_comfyui(self) -> list[str]:
        """Return the prompts that wait at ComfyUI behind the one that runs."""
        return [
            prompt.prompt_id
            for prompt in await self.comfy.prompts.queue()
            if prompt.state == PromptState.PENDING
        ]

    async def progress(self, job: Job) -> JobProgress:
        """Return the next progress of a job in which a node reports steps."""
        reported: asyncio.Future[JobProgress] = asyncio.get_running_loop().create_future()

        def note(progress: JobProgress) -> None:
            if progress.job_id == job.id and progress.value and not reported.done():
                reported.set_result(progress)

        self.queue.events.subscribe(JobProgress, note)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await reported

    async def history(self) -> list[str]:
        return [record.prompt_id for record in await self.comfy.prompts.history()]


@asynccontextmanager
async def running_pod(comfyui: ComfyUI, volume: Path, database: str = "state.db") -> AsyncIterator[Pod]:
    """Yield a control plane's queue and worker; leaving the block is how the process ends."""
    async with httpx.AsyncClient() as client, pod(volume, volume / database) as queue:
        comfy = ComfyClient(comfyui.url, client)
        outputs = volume / "outputs"
        worker = Worker(queue.jobs, queue.lifecycle, comfy, Results(comfy, outputs), Live(queue.events))
        task = asyncio.create_task(worker.run())
        try:
            yield Pod(queue, comfy, outputs)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
