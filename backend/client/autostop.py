"""Automatic stop."""

from datetime import datetime

from backend.client.connection import Connection
from backend.client.models import Model

PATH = "/api/autostop"


class Autostop(Model):
    minutes: int
    host: str | None
    busy: list[str]
    idle_since: datetime | None
    stops_at: datetime | None
    stopping: bool
    problem: str | None


class AutostopClient:
    """`/api/autostop`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def show(self) -> Autostop:
        return await self._connection.get(PATH, Autostop)

    async def choose(self, minutes: int) -> Autostop:
        """Stop the pod after so many idle minutes; 0 is never."""
        return await self._connection.put(PATH, Autostop, {"minutes": minutes})

    async def cancel(self) -> Autostop:
        """Begin the idle time anew."""
        return await self._connection.post(f"{PATH}/cancel", Autostop)
