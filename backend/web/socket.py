"""WebSocket channels: one topic, any number of clients.

A client receives a snapshot first, then every published frame. At most one unsent frame per key is kept, so a slow
client receives the newest state and never a backlog. Messages from clients are ignored.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any

import structlog
from fastapi import WebSocket, WebSocketDisconnect

from backend.core.async_tools import cancel_and_wait

log = structlog.get_logger(__name__)

Frame = dict[str, Any]
Snapshot = Callable[[], Awaitable[Frame]]
# The text of a frame is encoded once for many clients.
FirstFrame = Callable[[], Awaitable[Frame | str]]

GOING_AWAY = 1001


class _Client:
    def __init__(self) -> None:
        self._unsent: dict[str, str] = {}
        self._has_frames = asyncio.Event()

    def offer(self, key: str, text: str) -> None:
        self._unsent.pop(key, None)  # the newest goes to the end of the queue
        self._unsent[key] = text
        self._has_frames.set()

    async def take(self) -> list[str]:
        await self._has_frames.wait()
        self._has_frames.clear()
        texts = list(self._unsent.values())
        self._unsent.clear()
        return texts


class Channel:
    """A topic that WebSockets subscribe to."""

    def __init__(self, name: str):
        self.name = name
        self._clients: set[_Client] = set()
        self._closing = asyncio.Event()

    @property
    def has_listeners(self) -> bool:
        return bool(self._clients)

    def publish(self, frame: Frame, key: str) -> None:
        """Send `frame` to all clients; it replaces an unsent older frame of the same key."""
        if not self._clients:
            return
        text = encode(frame)
        for client in self._clients:
            client.offer(key, text)

    def close(self) -> None:
        """Close all connections. Clients reconnect when the control plane is up again."""
        self._closing.set()

    async def serve(self, websocket: WebSocket, snapshot: FirstFrame) -> None:
        """Send a snapshot and then every frame, until the client disconnects or the server stops."""
        await websocket.accept()
        client = _Client()
        self._clients.add(client)  # before the snapshot, so that no change is missed
        try:
            first = await snapshot()
            await websocket.send_text(first if isinstance(first, str) else encode(first))
            await self._run(websocket, _forward(websocket, client))
        except WebSocketDisconnect:
            pass
        finally:
            self._clients.discard(client)

    async def stream(self, websocket: WebSocket, frames: AsyncGenerator[Frame, None]) -> None:
        """Send what `frames` yields, as fast as the client reads, until the client disconnects or the server stops."""
        await websocket.accept()
        async with contextlib.aclosing(frames):
            with contextlib.suppress(WebSocketDisconnect):
                await self._run(websocket, _send_all(websocket, frames))

    async def _run(self, websocket: WebSocket, send: Coroutine[Any, Any, None]) -> None:
        disconnecting = asyncio.create_task(_until_disconnected(websocket))
        closing = asyncio.create_task(self._closing.wait())
        sending = asyncio.create_task(send)
        tasks = (disconnecting, closing, sending)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait(*tasks)
        if closing in done and disconnecting not in done:
            await websocket.close(GOING_AWAY, "restarting")


async def _until_disconnected(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _forward(websocket: WebSocket, client: _Client) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            for text in await client.take():
                await websocket.send_text(text)


async def _send_all(websocket: WebSocket, frames: AsyncGenerator[Frame, None]) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        async for frame in frames:
            await websocket.send_text(encode(frame))


def encode(frame: Frame) -> str:
    return json.dumps(frame, separators=(",", ":"))
