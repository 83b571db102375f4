"""Tools for jobs and what they made."""

import asyncio
import time
from typing import Annotated

from pydantic import BaseModel, Field

from backend.auth.principal import Scope
from backend.auth.tools import Picture, Tool, report_progress
from backend.core.errors import InvalidRequest
from backend.core.formatting import format_bytes
from backend.jobs.filters import JobFilter
from backend.jobs.live import JobProgress
from backend.jobs.models import HIGHEST_PRIORITY, LOWEST_PRIORITY, Job, JobChanged, JobState, Output
from backend.jobs.output_files import JobOutputFiles
from backend.jobs.schemas import AttemptView, ChangeRequest, JobView, OutputView, QueueStatus
from backend.jobs.service import Jobs
from backend.jobs.watch import Change, JobWatch
from backend.web.features import Registry

# Clients give a tool a minute at most.
MAX_WAIT = 25
MAX_PICTURE = 1_000_000
MAX_OUTPUTS = 50
MAX_TRACEBACK = 60
# Between two reports of progress.
REPORT_SECONDS = 1.0
# Refused jobs have ComfyUI's whole answer here.
MAX_ATTEMPTS = 10

JobId = Annotated[str, Field(max_length=64, description="Id of a job.")]
JobIds = Annotated[list[str], Field(min_length=1, max_length=50, description="Ids of jobs.")]


class JobReport(BaseModel):
    job: JobView
    outputs: list[OutputView] = Field(description="What it has made so far, at most 50.")


class JobHistory(JobReport):
    attempts: list[AttemptView] = Field(description="The last ten.")


class Waited(BaseModel):
    finished: bool = Field(description="Whether all jobs have ended. If not, call again.")
    jobs: list[JobReport]


class JobTools:
    def __init__(self, jobs: Jobs, watch: JobWatch, files: JobOutputFiles):
        self._jobs = jobs
        self._watch = watch
        self._files = files

    async def jobs_list(
        self,
        states: Annotated[list[JobState], Field(max_length=8, description="Default: all.")] = [],  # noqa: B006
        batch_id: Annotated[str | None, Field(max_length=64)] = None,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
    ) -> list[JobView]:
        """List jobs, newest first."""
        wanted = JobFilter(states=tuple(states), batch_id=batch_id)
        return [JobView.of(job) for job in await self._jobs.newest(wanted, limit)]

    async def jobs_queue(self) -> QueueStatus:
        """Return how many jobs are in each state, and whether the queue is paused."""
        return QueueStatus(paused=self._jobs.is_paused, counts=await self._jobs.counts())

    async def jobs_get(self, job_id: JobId) -> JobHistory:
        """Return a job with its error, attempts and outputs. `error.details` has ComfyUI's answer to a refused workflow."""
        job = await self._jobs.get(job_id)
        attempts = (await self._jobs.attempts(job_id))[-MAX_ATTEMPTS:]
        report = await self._report(job)
        return JobHistory(
            job=report.job, outputs=report.outputs, attempts=[AttemptView.of(each) for each in attempts]
        )

    async def jobs_wait(
        self, job_ids: JobIds, seconds: Annotated[int, Field(ge=1, le=MAX_WAIT)] = MAX_WAIT
    ) -> Waited:
        """Wait until jobs have ended, at most 25 seconds, and report progress meanwhile. Call again while they run."""
        deadline = time.monotonic() + seconds
        for number, job_id in enumerate(job_ids):
            await self._wait(job_id, deadline, number, len(job_ids))
        reports = [await self._report(await self._jobs.get(job_id)) for job_id in job_ids]
        return Waited(finished=all(each.job.state.is_final for each in reports), jobs=reports)

    async def jobs_cancel(self, job_ids: JobIds) -> list[JobView]:
        """Cancel jobs. One that runs is interrupted at ComfyUI's next step."""
        return [JobView.of(await self._jobs.cancel(job_id)) for job_id in job_ids]

    async def jobs_retry(self, job_id: JobId) -> JobView:
        """Queue a job again that has failed, was cancelled, is blocked or has expired. It runs the same workflow."""
        return JobView.of(await self._jobs.retry(job_id))

    async def jobs_priority(
        self, job_id: JobId, priority: Annotated[int, Field(ge=HIGHEST_PRIORITY, le=LOWEST_PRIORITY)]
    ) -> JobView:
        """Change when a job runs: 1 is next, 50 is usual, 999 is last."""
        return JobView.of(await self._jobs.change(job_id, ChangeRequest(priority=priority)))

    async def outputs_show(
        self, job_id: JobId, number: Annotated[int, Field(ge=0, le=100_000, description="From 0.")] = 0
    ) -> list[str | Picture]:
        """Show one output of a job: a picture of at most 1 MB, else where the file is."""
        outputs = await self._jobs.outputs(job_id)
        if number >= len(outputs):
            raise InvalidRequest(f"Job {job_id} has {len(outputs)} outputs, so there is none at {number}.")
        output = outputs[number]
        text = (
            f"{output.path}, {output.media_type}, {format_bytes(output.bytes)}, SHA-256 {output.sha256}. "
            f"GET /api/jobs/{job_id}/outputs/{number} returns the file."
        )
        return [text, *await self._pictures(output)]

    async def _pictures(self, output: Output) -> list[Picture]:
        if not output.media_type.startswith("image/") or output.bytes > MAX_PICTURE:
            return []
        path = await self._files.find(output)
        return [Picture(media_type=output.media_type, content=await asyncio.to_thread(path.read_bytes))]

    async def _report(self, job: Job) -> JobReport:
        outputs = (await self._jobs.outputs(job.id))[:MAX_OUTPUTS]
        view = JobView.of(job)
        if view.error is not None:
            lines = view.error.traceback[-MAX_TRACEBACK:]
            view = view.model_copy(update={"error": view.error.model_copy(update={"traceback": lines})})
        return JobReport(job=view, outputs=[OutputView.of(output) for output in outputs])

    async def _wait(self, job_id: str, deadline: float, done: int, total: int) -> None:
        with self._watch.follow(job_id) as follower:
            job = await self._jobs.get(job_id)
            while not job.state.is_final and job.state is not JobState.BLOCKED:
                left = deadline - time.monotonic()
                if left <= 0 or self._watch.closing.is_set():
                    return
                changes = await follower.next(min(left, REPORT_SECONDS))
                job = next((each.job for each in changes if isinstance(each, JobChanged)), job)
                await report_progress(done + _fraction(changes), total, f"{job.name}: {job.state}")


def _fraction(changes: list[Change]) -> float:
    """Return how far the running node is, as a part of one job."""
    progress = next((each for each in changes if isinstance(each, JobProgress)), None)
    return min(progress.value / progress.maximum, 0.99) if progress and progress.maximum > 0 else 0.0


def tools(registry: Registry) -> tuple[Tool, ...]:
    """Return the tools for jobs."""
    tool = JobTools(registry.get(Jobs), registry.get(JobWatch), registry.get(JobOutputFiles))
    return (
        Tool(run=tool.jobs_list, title="List jobs"),
        Tool(run=tool.jobs_queue, title="Show the queue"),
        Tool(run=tool.jobs_get, title="Show a job"),
        Tool(run=tool.jobs_wait, title="Wait for jobs"),
        Tool(run=tool.jobs_cancel, title="Cancel jobs", scope=Scope.RUN, destructive=True, idempotent=True),
        Tool(run=tool.jobs_retry, title="Retry a job", scope=Scope.RUN),
        Tool(run=tool.jobs_priority, title="Change the priority", scope=Scope.RUN, idempotent=True),
        Tool(run=tool.outputs_show, title="Show an output", pictures=True),
    )
