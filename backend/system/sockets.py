"""`/ws/system`: the same view as `/api/system`, every few seconds. `/ws/services/{name}/log`: a log as it grows."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, WebSocket, WebSocketException

from backend.auth.dependencies import POLICY_VIOLATION, SocketSession
from backend.core.errors import NotFound
from backend.system.dependencies import PodServices, SystemService
from backend.system.service import System
from backend.system.services import Services
from backend.web.features import provided
from backend.web.socket import Channel, Frame

router = APIRouter()

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
    session_seconds: SocketSession,
    system: SystemService,
    channel: Annotated[SystemChannel, Depends(provided(SystemChannel))],
) -> None:

    async def snapshot() -> Frame:
        return await frame(system) | {"type": "snapshot"}

    await channel.serve(websocket, snapshot, session_seconds)


@router.websocket("/ws/services/{name}/log")
async def follow_log(
    websocket: WebSocket,
    name: str,
    session_seconds: SocketSession,
    services: PodServices,
    channel: Annotated[LogChannel, Depends(provided(LogChannel))],
) -> None:
    try:
        await services.get(name)
    except NotFound as error:
        raise WebSocketException(POLICY_VIOLATION, error.message) from None
    await channel.stream(websocket, _log_frames(services, name), session_seconds)


async def _log_frames(services: Services, name: str) -> AsyncGenerator[Frame, None]:
    async with aclosing(services.follow(name, LOG_LINES)) as news:
        async for entry in news:
            yield entry.model_dump()
