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
from backend.jobs.schedules.models import Schedule
from backend.jobs.schedules.runs import ScheduleRuns
from backend.jobs.schedules.service import Schedules

log = structlog.get_logger(__name__)

# The clock may be set while we wait.
LONGEST_WAIT_SECONDS = 60.0
# Between two attempts while ComfyUI does not answer.
RETRY_SECONDS = 15.0


class ScheduleWorker:
    def __init__(self, schedules: Schedules, runs: ScheduleRuns, activity: Activity):
        self._schedules = schedules
        self._runs = runs
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
        now = clock.now()
        self._retry_at.pop(schedule.id, None)
        job, problem = None, None
        try:
            job = await self._runs.submit_due(schedule)
        except Unreachable:
            self._retry_at[schedule.id] = now + timedelta(seconds=RETRY_SECONDS)
            return
        except AppError as error:
            problem = error.message
            self._activity.note("schedule.failed", schedule.name, problem=problem)
            log.warning("a scheduled job cannot be submitted", schedule=schedule.name, reason=problem)
        job_id = job.id if job else None
        await until_recorded(lambda: self._schedules.note_run(schedule, now, job_id, problem))
