"""Provisioning."""

from datetime import datetime

from backend.client.connection import Connection
from backend.client.models import Model

PATH = "/api/provisioning"


class Step(Model):
    key: str
    kind: str
    title: str
    state: str
    message: str
    seconds: float
    output: list[str]


class Provisioning(Model):
    source: str
    problems: list[str]
    steps: list[Step]
    running: bool
    interrupted: bool
    needs_restart: bool
    started_at: datetime | None
    finished_at: datetime | None


class ProvisioningClient:
    """`/api/provisioning`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def show(self) -> Provisioning:
        return await self._connection.get(PATH, Provisioning)

    async def run(self, *, again: bool) -> Provisioning:
        """Apply the document; with `again` also the steps that were applied before."""
        return await self._connection.post(f"{PATH}/run", Provisioning, json={"again": again})
