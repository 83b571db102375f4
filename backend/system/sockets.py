"""`/ws/system`: the same view as `/api/system`, every few seconds."""

from typing import cast

from fastapi import APIRouter, WebSocket

from backend.auth.access import SocketSession
from backend.system.access import SystemService
from backend.system.service import System
from backend.web.socket import Channel, Frame

router = APIRouter()

SECONDS = 2.0


async def frame(system: System) -> Frame:
    return {"type": "system", "system": (await system.snapshot()).model_dump(mode="json")}


@router.websocket("/ws/system")
async def watch(websocket: WebSocket, session_seconds: SocketSession, system: SystemService) -> None:
    channel = cast(Channel, websocket.app.state.system_channel)

    async def snapshot() -> Frame:
        return await frame(system) | {"type": "snapshot"}

    await channel.serve(websocket, snapshot, session_seconds)
