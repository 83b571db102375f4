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
from backend.jobs.schemas import JobRequest, SubmitRequest
from backend.jobs.service import Jobs
from backend.templates.service import Templates

log = structlog.get_logger(__name__)

# The clock may be set while we wait.
LONGEST_WAIT_SECONDS = 60.0
# Between two attempts while ComfyUI does not answer.
RETRY_SECONDS = 15.0


class ScheduleWorker:
    def __init__(self, schedules: Schedules, jobs: Jobs, templates: Templates, activity: Activity):
        self._schedules = schedules
        self._jobs = jobs
        self._templates = templates
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
        values, prompt, workflow = schedule.values, schedule.prompt, None
        if schedule.template_id:
            template = await self._templates.get(schedule.template_id)
            prepared = await self._templates.prepare(template, schedule.values)
            values, prompt, workflow = dict(prepared.values), prepared.prompt, prepared.workflow
        request = SubmitRequest(
            prompt=prompt or {},
            workflow=workflow,
            template=schedule.template_id,
            download_models=schedule.download_models,
            jobs=[
                JobRequest(
                    name=schedule.name,
                    values=values,
                    priority=schedule.priority,
                    retry_limit=schedule.retry_limit,
                    # A crash right after this does not submit the same run twice.
                    idempotency_key=f"{schedule.id}:{clock.to_text(due_at)}",
                )
            ],
        )
        (job,) = await self._jobs.submit(request, f"schedule:{schedule.name}", JobSource.SCHEDULE)
        return job
