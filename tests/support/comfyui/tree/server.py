"""The server: every route bare and below /api, the sockets, and ComfyUI's own protection against other sites."""

import asyncio
import json
import os
import struct
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import files_routes
import info_routes
import media
import prompt_routes
from aiohttp import WSMsgType, web
from execution import PromptQueue
from folder_paths import FolderPaths

FEATURES = {
    "supports_preview_metadata": True,
    "supports_model_type_tags": True,
    "max_upload_size": 100 * 2**20,
    "extension": {"manager": {"supports_v4": True}},
    "node_replacements": True,
    "assets": False,
}
PREVIEW, TEXT, PREVIEW_WITH_METADATA = 1, 3, 4


@web.middleware
async def origin_only(request: web.Request, handler: Any) -> web.StreamResponse:
    """ComfyUI's own protection: no cross-site request, and on loopback alone Host and Origin must agree."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return web.Response(status=403)
    host = request.headers.get("Host", "").lower()
    origin = request.headers.get("Origin")
    if origin and is_loopback(host) and urlsplit(origin).netloc.lower() != host:
        return web.Response(status=403)
    return await handler(request)


def is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    return name == "localhost" or name == "::1" or name.startswith("127.")


class PromptServer:
    instance: "PromptServer"

    def __init__(self, paths: FolderPaths, *, old: bool = False) -> None:
        PromptServer.instance = self
        self.paths = paths
        # As before version 0.3.70: no /api/jobs, and any text is a prompt id.
        self.old = old
        self.queue = PromptQueue(self)
        self.number = 0
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.understood: dict[str, dict[str, Any]] = {}
        self.log_readers: set[str] = set()
        # What the prompt that is being executed was submitted with, and the node that was begun last.
        self.client_id: str | None = None
        self.last_node_id: str | None = None

    def app(self) -> web.Application:
        app = web.Application(middlewares=[origin_only], client_max_size=100 * 2**20)
        routes = [
            *info_routes.routes(self),
            *prompt_routes.routes(self),
            *files_routes.routes(self),
            web.get("/ws", self.socket),
            web.post("/v2/manager/reboot", self.reboot),
        ]
        app.add_routes([web.get("/", self.index), *routes])
        app.add_routes([web.route(route.method, f"/api{route.path}", route.handler) for route in routes])
        if not self.old:
            app.add_routes(prompt_routes.jobs_routes(self))
        # In place of the front end's files. Because of them an unknown address is 405 for everything but GET.
        app.add_routes([web.get("/{path:.*}", self.nothing)])
        app.on_startup.append(self.start)
        return app

    async def start(self, _: web.Application) -> None:
        self.loop = asyncio.get_running_loop()
        self.outbox: asyncio.Queue[tuple[Any, Any, str | None]] = asyncio.Queue()
        self.publisher = asyncio.create_task(self.publish())

    async def index(self, _: web.Request) -> web.Response:
        page = "<!doctype html><title>ComfyUI</title><h1>ComfyUI (stand-in)</h1><p>No generation here.</p>"
        return web.Response(text=page, content_type="text/html")

    async def nothing(self, _: web.Request) -> web.Response:
        raise web.HTTPNotFound

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """A client id has one socket, the newest. One that closes un-registers its id, also where a newer one has it by then."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client_id = request.query.get("clientId", "") or uuid.uuid4().hex
        self.sockets[client_id] = socket
        self.understood[client_id] = {}
        try:
            await self.send("status", {"status": self.queue_info(), "sid": client_id}, client_id)
            if self.client_id == client_id and self.last_node_id is not None:
                await self.send("executing", {"node": self.last_node_id}, client_id)
            first = True
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    await self.greet(client_id, message.data, first=first)
                    first = False
        finally:
            self.sockets.pop(client_id, None)
            self.understood.pop(client_id, None)
        return socket

    async def greet(self, client_id: str, text: str, *, first: bool) -> None:
        try:
            message = json.loads(text)
        except json.JSONDecodeError:
            return
        if first and message.get("type") == "feature_flags":
            self.understood[client_id] = message.get("data", {})
            await self.send("feature_flags", FEATURES, client_id)

    def queue_info(self) -> dict[str, Any]:
        return {"exec_info": {"queue_remaining": self.queue.remaining()}}

    def queue_updated(self) -> None:
        self.send_sync("status", {"status": self.queue_info()})

    def send_sync(self, event: Any, data: Any, client_id: str | None = None) -> None:
        """Send from any thread; to everyone where no client is named."""
        self.loop.call_soon_threadsafe(self.outbox.put_nowait, (event, data, client_id))

    async def publish(self) -> None:
        while True:
            await self.send(*await self.outbox.get())

    async def send(self, event: Any, data: Any, client_id: str | None) -> None:
        readers = list(self.sockets.values())
        if client_id is not None:
            readers = [self.sockets[client_id]] if client_id in self.sockets else []
        for socket in readers:
            try:
                if isinstance(data, bytes):
                    await socket.send_bytes(struct.pack(">I", event) + data)
                else:
                    await socket.send_json({"type": event, "data": data})
            except (ConnectionError, RuntimeError) as error:
                print(f"send error: {error}")

    def send_preview(self, preview: Any, about: dict[str, Any]) -> None:
        """Send with metadata to a client that has said that it understands it, in the old form to others."""
        kind = preview[0]
        picture = media.png(8, 8, 0x2060A0, {}) if kind == "PNG" else media.JPEG
        if self.understood.get(self.client_id or "", {}).get("supports_preview_metadata") is True:
            described = json.dumps({**about, "image_type": f"image/{kind.lower()}"}).encode()
            data = struct.pack(">I", len(described)) + described + picture
            self.send_sync(PREVIEW_WITH_METADATA, data, self.client_id)
        else:
            self.send_sync(PREVIEW, struct.pack(">I", 2 if kind == "PNG" else 1) + picture, self.client_id)

    def send_progress_text(self, text: str, node_id: str, sid: str | None = None) -> None:
        name = node_id.encode()
        self.send_sync(TEXT, struct.pack(">I", len(name)) + name + text.encode(), sid)

    async def reboot(self, _: web.Request) -> web.Response:
        """Leave a mark and exit, as ComfyUI-Manager 4.3 does under a supervisor."""
        Path(os.environ["__COMFY_CLI_SESSION__"] + ".reboot").touch()
        print("\nRestarting...\n\n", flush=True)
        sys.exit(0)
