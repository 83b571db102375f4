"""`/ws/storage`: the same view as `/api/storage`, every few seconds."""

from typing import cast

from fastapi import APIRouter, WebSocket

from backend.auth.dependencies import SocketSession
from backend.storage.dependencies import StorageService
from backend.storage.service import Storage
from backend.web.socket import Channel, Frame

router = APIRouter()

SECONDS = 10.0


async def frame(storage: Storage) -> Frame:
    return {"type": "storage", "storage": (await storage.overview()).model_dump(mode="json")}


@router.websocket("/ws/storage")
async def watch(websocket: WebSocket, session_seconds: SocketSession, storage: StorageService) -> None:
    channel = cast(Channel, websocket.app.state.storage_channel)

    async def snapshot() -> Frame:
        return await frame(storage) | {"type": "snapshot"}

    await channel.serve(websocket, snapshot, session_seconds)
