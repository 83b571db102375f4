"""Serve the editor's files, and the parts of ComfyUI's API that the editor requests at start."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.comfyui_editor.node_types import object_info

ANSWERS: dict[str, Any] = {
    "/settings": {"Comfy.TutorialCompleted": True},
    "/users": {"storage": "server", "migrated": True},
    "/features": {},
    "/i18n": {},
    "/extensions": [],
    "/queue": {"queue_running": [], "queue_pending": []},
    "/jobs": {"jobs": [], "pagination": {"offset": 0, "limit": 0, "total": 0, "has_more": False}},
    "/history": {},
    "/workflow_templates": {},
    "/global_subgraphs": {},
    "/node_replacements": {},
    "/embeddings": [],
    "/experiment/models": [],
    "/userdata": [],
    "/system_stats": {"system": {"os": "posix", "comfyui_version": "0.33.0", "argv": []}, "devices": []},
}


async def _api(request: web.Request) -> web.StreamResponse:
    path = request.path.removeprefix("/api")
    if path == "/ws":
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket
    if path == "/object_info":
        return web.json_response(object_info())
    if path in ANSWERS:
        return web.json_response(ANSWERS[path])
    return web.json_response({}, status=404)


async def _file(request: web.Request) -> web.StreamResponse:
    static = Path(str(resources.files("comfyui_frontend_package"))) / "static"
    path = static / (request.path.lstrip("/") or "index.html")
    return web.FileResponse(path) if path.is_file() else web.Response(status=404)


@contextmanager
def running_editor() -> Iterator[str]:
    """Serve the editor for the duration of the block; yield its address."""
    server = _Server()
    server.thread.start()
    if not server.ready.wait(20):
        raise RuntimeError("The server of the editor did not start.")
    try:
        yield server.url
    finally:
        server.loop.call_soon_threadsafe(server.stopping.set)
        server.thread.join(10)


class _Server:
    url: str
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.stopping = asyncio.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        app = web.Application()
        app.router.add_route("*", "/api/{rest:.*}", _api)
        app.router.add_get("/{rest:.*}", _file)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.ready.set()
        await self.stopping.wait()
        await runner.cleanup()
