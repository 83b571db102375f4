"""Schedules of jobs."""

from typing import Any

from backend.client.connection import Connection, part
from backend.client.models import Job, Schedule

SCHEDULES = "/api/schedules"


class SchedulesClient:
    """`/api/schedules`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def list(self) -> list[Schedule]:
        return await self._connection.get(SCHEDULES, list[Schedule])

    async def add(self, **request: Any) -> Schedule:
        return await self._connection.post(SCHEDULES, Schedule, json=request)

    async def change(self, schedule_id: str, **changes: Any) -> Schedule:
        path = f"{SCHEDULES}/{part(schedule_id)}"
        response = await self._connection.request("PATCH", path, json=changes)
        return Schedule.model_validate_json(response.content)

    async def remove(self, schedule_id: str) -> None:
        await self._connection.request("DELETE", f"{SCHEDULES}/{part(schedule_id)}")

    async def run_now(self, schedule_id: str) -> Job:
        return await self._connection.post(f"{SCHEDULES}/{part(schedule_id)}/run", Job)
