"""Submits the jobs of schedules when they are due."""

import asyncio
import contextlib
from datetime import datetime, timedelta

import structlog

from backend.activity.service import Activity
from backend.comfy.errors import Unreachable
from backend.core import clock
from backend.core.database import until_recorded
from backend.core.errors import AppError
from backend.jobs.models import Job, JobSource
from backend.jobs.schedules.models import Schedule
from backend.jobs.schedules.service import Schedules
from backend.jobs.schemas import JobRequest, SubmitRequest, TemplateRequest
from backend.jobs.submission import Submission

log = structlog.get_logger(__name__)

# The clock may be set while we wait.
LONGEST_WAIT_SECONDS = 60.0
# Between two attempts while ComfyUI does not answer.
RETRY_SECONDS = 15.0


class ScheduleWorker:
    def __init__(self, schedules: Schedules, submission: Submission, activity: Activity):
        self._schedules = schedules
        self._submission = submission
        self._activity = activity
        # Not before, by id: ComfyUI did not answer.
        self._retry_at: dict[str, datetime] = {}

    async def run(self) -> None:
        """Run until cancelled. A run that was missed while no control plane ran is submitted now, once."""
        while True:
            self._schedules.changed.clear()
            for schedule in self._schedules.all():
                if not schedule.paused and self._due_at(schedule) <= clock.now():
                    await self._submit(schedule)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._schedules.changed.wait()

    def _pause(self) -> float | None:
        due = [self._due_at(schedule) for schedule in self._schedules.all() if not schedule.paused]
        if not due:
            return None
        return min(max(0.0, (min(due) - clock.now()).total_seconds()), LONGEST_WAIT_SECONDS)

    def _due_at(self, schedule: Schedule) -> datetime:
        return self._retry_at.get(schedule.id) or schedule.due_at

    async def _submit(self, schedule: Schedule) -> None:
        due_at, now = schedule.due_at, clock.now()
        self._retry_at.pop(schedule.id, None)
        job, problem = None, None
        try:
            job = await self._job(schedule, due_at)
        except Unreachable:
            self._retry_at[schedule.id] = now + timedelta(seconds=RETRY_SECONDS)
            return
        except AppError as error:
            problem = error.message
            self._activity.note("schedule.failed", schedule.name, problem=problem)
            log.warning("a scheduled job cannot be submitted", schedule=schedule.name, reason=problem)
        job_id = job.id if job else None
        await until_recorded(lambda: self._schedules.note_run(schedule, now, job_id, problem))

    async def _job(self, schedule: Schedule, due_at: datetime) -> Job:
        (job,) = await self._submission.submit(
            _request_of(schedule, due_at), f"schedule:{schedule.name}", JobSource.SCHEDULE
        )
        return job


def _request_of(schedule: Schedule, due_at: datetime) -> SubmitRequest | TemplateRequest:
    # A crash right after this does not submit the same run twice.
    key = f"{schedule.id}:{clock.to_text(due_at)}"
    job = JobRequest(
        name=schedule.name,
        values=schedule.values,
        priority=schedule.priority,
        retry_limit=schedule.retry_limit,
        idempotency_key=key,
    )
    if schedule.template_id is None:
        prompt = schedule.prompt or {}
        return SubmitRequest(prompt=prompt, download_models=schedule.download_models, jobs=[job])
    return TemplateRequest(
        template_id=schedule.template_id, download_models=schedule.download_models, jobs=[job]
    )
