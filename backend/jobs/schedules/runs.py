"""Submits the job of a schedule: when it is due, or when a user wants it now."""

from backend.core import clock
from backend.jobs.models import Job, JobSource, new_id
from backend.jobs.schedules.models import Schedule
from backend.jobs.schedules.service import Schedules
from backend.jobs.schemas import JobRequest, SubmitRequest, TemplateRequest
from backend.jobs.submission import Submission


class ScheduleRuns:
    def __init__(self, schedules: Schedules, submission: Submission):
        self._schedules = schedules
        self._submission = submission

    async def run_now(self, schedule_id: str) -> Job:
        """Submit a run besides those that are due, also of a paused schedule."""
        schedule = self._schedules.get(schedule_id)
        job = await self._submit(schedule, new_id())
        await self._schedules.note_job(schedule, job.id)
        return job

    async def submit_due(self, schedule: Schedule) -> Job:
        """Submit the run that is due. After a crash the same run is not submitted twice."""
        return await self._submit(schedule, clock.to_text(schedule.due_at))

    async def _submit(self, schedule: Schedule, run: str) -> Job:
        request = _request_of(schedule, f"{schedule.id}:{run}")
        (job,) = await self._submission.submit(request, f"schedule:{schedule.name}", JobSource.SCHEDULE)
        return job


def _request_of(schedule: Schedule, key: str) -> SubmitRequest | TemplateRequest:
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
