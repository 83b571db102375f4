"""The machine and its services."""

from datetime import datetime

from backend.client.connection import Connection, part
from backend.client.models import Model

PATH = "/api/system"


class Service(Model):
    name: str
    title: str
    state: str
    description: str
    started_at: datetime | None
    memory: int | None = None
    port: int | None = None
    possible: list[str]


class Crash(Model):
    """Why ComfyUI has exited by itself."""

    exit_code: int
    message: str
    remedy: str
    lines: list[str]
    restart_at: datetime | None
    stays_down: bool


class FailedNode(Model):
    name: str
    error: str


class ComfyState(Model):
    up: bool
    version: str | None
    state: str
    crash: Crash | None
    failed_nodes: list[FailedNode]


class HookRun(Model):
    name: str
    stage: str
    state: str
    exit_code: int | None
    seconds: float
    output: list[str]


class SystemState(Model):
    services: list[Service]
    comfyui: ComfyState
    hooks: list[HookRun]


class SystemClient:
    """`/api/system`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def state(self) -> SystemState:
        return await self._connection.get(PATH, SystemState)

    async def support_bundle(self) -> bytes:
        """Return a zip file for those who help."""
        return (await self._connection.request("GET", "/api/support-bundle")).content

    async def act(self, service: str, action: str) -> Service:
        """Start, stop or restart a service."""
        return await self._connection.post(f"{PATH}/services/{part(service)}/{action}", Service)

    async def log(self, service: str, lines: int) -> str:
        response = await self._connection.request(
            "GET", f"{PATH}/services/{part(service)}/log", params={"lines": lines}
        )
        return response.text
