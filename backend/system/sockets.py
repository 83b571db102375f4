"""WebSocket routes: `/ws/system` sends the view of `/api/system` every few seconds, `/ws/services/{name}/log` a growing log."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import Depends, WebSocket

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.system.dependencies import PodServices, SystemService
from backend.system.service import System
from backend.system.services import Services
from backend.web.features import provided
from backend.web.socket import Channel, Frame

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN)
logs_router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN)

SECONDS = 2.0
LOG_LINES = 1000


class SystemChannel(Channel):
    """Sends the state of the machine and its services."""

    def __init__(self) -> None:
        super().__init__("system")


class LogChannel(Channel):
    """Sends service logs as they grow."""

    def __init__(self) -> None:
        super().__init__("logs")


async def frame(system: System) -> Frame:
    return {"type": "system", "system": (await system.snapshot()).model_dump(mode="json")}


@router.websocket("/ws/system")
async def watch(
    websocket: WebSocket,
    system: SystemService,
    channel: Annotated[SystemChannel, Depends(provided(SystemChannel))],
) -> None:

    async def snapshot() -> Frame:
        return await frame(system) | {"type": "snapshot"}

    await channel.serve(websocket, snapshot)


@logs_router.websocket("/ws/services/{name}/log")
async def follow_log(
    websocket: WebSocket,
    name: str,
    services: PodServices,
    channel: Annotated[LogChannel, Depends(provided(LogChannel))],
) -> None:
    await services.get(name)
    await channel.stream(websocket, _log_frames(services, name))


async def _log_frames(services: Services, name: str) -> AsyncGenerator[Frame, None]:
    async with aclosing(services.follow(name, LOG_LINES)) as frames:
        async for log_frame in frames:
            yield log_frame.model_dump()
