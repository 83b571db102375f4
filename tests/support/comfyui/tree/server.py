"""The routes that ComfyPod and its users rely on, bare and below /api as in the real one."""

import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web
from comfyui_version import __version__
from folder_paths import FolderPaths
from nodes import describe


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


class Server:
    def __init__(self, paths: FolderPaths, nodes: list[str]) -> None:
        self.paths = paths
        self.nodes = nodes
        self.queue: list[list[Any]] = []

    def app(self) -> web.Application:
        app = web.Application(middlewares=[origin_only], client_max_size=100 * 2**20)
        routes = [
            web.get("/system_stats", self.system_stats),
            web.get("/models", self.model_kinds),
            web.get("/models/{kind}", self.model_names),
            web.get("/queue", self.show_queue),
            web.post("/queue", self.change_queue),
            web.post("/interrupt", self.interrupt),
            web.get("/prompt", self.show_prompt),
            web.post("/prompt", self.submit),
            web.get("/history", self.history),
            web.get("/object_info", self.object_info),
            web.get("/object_info/{node_class}", self.object_info_of),
            web.get("/ws", self.socket),
            web.post("/v2/manager/reboot", self.reboot),
        ]
        app.add_routes([web.get("/", self.index), *routes])
        app.add_routes([web.route(route.method, f"/api{route.path}", route.handler) for route in routes])
        return app

    async def index(self, _: web.Request) -> web.Response:
        page = "<!doctype html><title>ComfyUI</title><h1>ComfyUI (stand-in)</h1><p>No generation here.</p>"
        return web.Response(text=page, content_type="text/html")

    async def system_stats(self, _: web.Request) -> web.Response:
        system = {
            "os": sys.platform,
            "comfyui_version": __version__,
            "python_version": sys.version,
            "argv": sys.argv,
        }
        return web.json_response(
            {"system": system, "devices": [{"name": "cpu", "type": "cpu", "index": None}]}
        )

    async def model_kinds(self, _: web.Request) -> web.Response:
        return web.json_response(list(self.paths.models))

    async def model_names(self, request: web.Request) -> web.Response:
        names = self.paths.names(request.match_info["kind"])
        return web.Response(status=404) if names is None else web.json_response(names)

    async def show_queue(self, _: web.Request) -> web.Response:
        return web.json_response({"queue_running": self.queue[:1], "queue_pending": self.queue[1:]})

    async def change_queue(self, request: web.Request) -> web.Response:
        """Empties what waits; what is being generated goes on."""
        if (await request.json()).get("clear"):
            del self.queue[1:]
        return web.Response()

    async def interrupt(self, _: web.Request) -> web.Response:
        del self.queue[:1]
        return web.Response()

    async def show_prompt(self, _: web.Request) -> web.Response:
        return web.json_response({"exec_info": {"queue_remaining": len(self.queue)}})

    async def submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        if "prompt" not in body:
            error = {"type": "no_prompt", "message": "No prompt provided", "details": "", "extra_info": {}}
            return web.json_response({"error": error, "node_errors": {}}, status=400)
        outputs = [key for key, node in body["prompt"].items() if node.get("class_type") == "SaveImage"]
        if outputs:  # generates until it is interrupted
            prompt_id = str(uuid.uuid4())
            self.queue.append([len(self.queue), prompt_id, body["prompt"], {}, outputs])
            answer = {"prompt_id": prompt_id, "number": len(self.queue) - 1, "node_errors": {}}
            return web.json_response(answer)
        error = {
            "type": "prompt_no_outputs",
            "message": "Prompt has no outputs",
            "details": "",
            "extra_info": {},
        }
        return web.json_response({"error": error, "node_errors": {}}, status=400)

    async def history(self, _: web.Request) -> web.Response:
        return web.json_response({})

    async def object_info(self, _: web.Request) -> web.Response:
        return web.json_response(describe(self.paths))

    async def object_info_of(self, request: web.Request) -> web.Response:
        name = request.match_info["node_class"]
        described = describe(self.paths)
        return web.json_response({name: described[name]} if name in described else {})

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        data = {
            "status": {"exec_info": {"queue_remaining": len(self.queue)}},
            "sid": request.query.get("clientId", ""),
        }
        await socket.send_json({"type": "status", "data": data})
        async for message in socket:
            if message.type == WSMsgType.TEXT and json.loads(message.data).get("type") == "feature_flags":
                await socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        return socket

    async def reboot(self, _: web.Request) -> web.Response:
        """As ComfyUI-Manager 4.3 does where a supervisor is said to be there: leave a mark, and end."""
        Path(os.environ["__COMFY_CLI_SESSION__"] + ".reboot").touch()
        print("\nRestarting...\n\n", flush=True)
        sys.exit(0)
