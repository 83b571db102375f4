"""Schedules as users handle them. They are settings of the queue's store: in the database, and in the journal on the volume."""

import asyncio
from datetime import datetime

from backend.core import clock
from backend.core.errors import Conflict, NotFound
from backend.jobs.changes import Changes
from backend.jobs.models import new_id
from backend.jobs.schedules.models import Schedule, ScheduleChange, ScheduleRequest
from backend.jobs.store import JobStore

PREFIX = "schedule:"
MAX_SCHEDULES = 200
# Runs that a schedule remembers.
MAX_RECENT = 12


class Schedules:
    def __init__(self, store: JobStore):
        self._store = store
        self._schedules: dict[str, Schedule] = {}
        # Set whenever another schedule may be due next.
        self.changed = asyncio.Event()

    async def load(self) -> None:
        saved = await self._store.settings_starting(PREFIX)
        loaded = [Schedule.model_validate_json(value) for value in saved.values() if value]
        self._schedules = {schedule.id: schedule for schedule in loaded}
        self.changed.set()

    def all(self) -> list[Schedule]:
        return sorted(self._schedules.values(), key=lambda schedule: (schedule.name.casefold(), schedule.id))

    def get(self, schedule_id: str) -> Schedule:
        try:
            return self._schedules[schedule_id]
        except KeyError:
            raise NotFound("There is no such schedule. `comfypod schedules ls` lists all of them.") from None

    async def add(self, request: ScheduleRequest) -> Schedule:
        if len(self._schedules) >= MAX_SCHEDULES:
            raise Conflict(f"There are {MAX_SCHEDULES} schedules, the most a pod can have. Remove one first.")
        now = clock.now()
        return await self._save(
            Schedule(**request.model_dump(), id=new_id(), created_at=now, counts_from=now)
        )

    async def change(self, schedule_id: str, request: ScheduleChange) -> Schedule:
        """Change a schedule. One that is resumed, or gets another time, counts from now."""
        before = self.get(schedule_id)
        changes = request.model_dump(exclude_unset=True, exclude_none=True)
        resumed = before.paused and changes.get("paused") is False
        if resumed or {"cron", "time_zone"} & changes.keys():
            changes["counts_from"] = clock.now()
        return await self._save(before.model_copy(update=changes))

    async def remove(self, schedule_id: str) -> None:
        """Delete a schedule. Jobs that it has submitted stay."""
        schedule = self.get(schedule_id)
        await self._store.save(Changes(settings={f"{PREFIX}{schedule.id}": ""}))
        del self._schedules[schedule_id]
        self.changed.set()

    async def note_run(
        self, schedule: Schedule, at: datetime, job_id: str | None, problem: str | None
    ) -> None:
        """Keep that a run was submitted, or why it was not. A schedule that was removed meanwhile stays away."""
        current = self._schedules.get(schedule.id)
        if current:
            noted = current.model_copy(update={"last_run_at": at, "problem": problem})
            await self._save(_with_job(noted, job_id) if job_id else noted)

    async def note_job(self, schedule: Schedule, job_id: str) -> None:
        """Keep a run that was not due. When the next one is due does not depend on it."""
        current = self._schedules.get(schedule.id)
        if current:
            await self._save(_with_job(current.model_copy(update={"problem": None}), job_id))

    async def _save(self, schedule: Schedule) -> Schedule:
        await self._store.save(Changes(settings={f"{PREFIX}{schedule.id}": schedule.model_dump_json()}))
        self._schedules[schedule.id] = schedule
        self.changed.set()
        return schedule


def _with_job(schedule: Schedule, job_id: str) -> Schedule:
    others = [known for known in schedule.recent_job_ids if known != job_id]
    recent = (job_id, *others)[:MAX_RECENT]
    return schedule.model_copy(update={"last_job_id": job_id, "recent_job_ids": recent})
