"""What the server tells about itself: machine, models, features, log."""

import sys
from typing import Any

import log
import server as this_server
from aiohttp import web
from comfyui_version import __version__

GIB = 2**30


def routes(server: Any) -> list[web.RouteDef]:
    here = InfoRoutes(server)
    return [
        web.get("/system_stats", here.system_stats),
        web.get("/features", here.features),
        web.get("/models", here.model_kinds),
        web.get("/models/{kind}", here.model_names),
        web.get("/embeddings", here.embeddings),
        web.get("/internal/logs", here.log_text),
        web.get("/internal/logs/raw", here.log_entries),
        web.patch("/internal/logs/subscribe", here.follow_log),
    ]


class InfoRoutes:
    def __init__(self, server: Any) -> None:
        self.server = server
        log.on_write(self.send_log)

    async def system_stats(self, _: web.Request) -> web.Response:
        system = {
            "os": sys.platform,
            "ram_total": 16 * GIB,
            "ram_free": 8 * GIB,
            "comfyui_version": __version__,
            "python_version": sys.version,
            "pytorch_version": "2.13.0+cpu",
            "embedded_python": False,
            "argv": sys.argv,
        }
        memory = {"vram_total": 16 * GIB, "vram_free": 8 * GIB, "torch_vram_total": 0, "torch_vram_free": 0}
        device = {"name": "cpu", "type": "cpu", "index": None, **memory}
        return web.json_response({"system": system, "devices": [device]})

    async def features(self, _: web.Request) -> web.Response:
        return web.json_response(this_server.FEATURES)

    async def model_kinds(self, _: web.Request) -> web.Response:
        return web.json_response(list(self.server.paths.models))

    async def model_names(self, request: web.Request) -> web.Response:
        names = self.server.paths.names(request.match_info["kind"])
        return web.Response(status=404) if names is None else web.json_response(names)

    async def embeddings(self, _: web.Request) -> web.Response:
        names = self.server.paths.names("embeddings") or []
        return web.json_response([name.rsplit(".", 1)[0] for name in names])

    async def log_text(self, _: web.Request) -> web.Response:
        return web.json_response("".join(f"{entry['t']} - {entry['m']}" for entry in log.entries))

    async def log_entries(self, _: web.Request) -> web.Response:
        return web.json_response({"entries": list(log.entries), "size": {"cols": 80, "rows": 24}})

    async def follow_log(self, request: web.Request) -> web.Response:
        body = await request.json()
        change = self.server.log_readers.add if body["enabled"] else self.server.log_readers.discard
        change(body["clientId"])
        return web.Response()

    def send_log(self, entry: dict[str, str]) -> None:
        for client_id in list(self.server.log_readers):
            if client_id not in self.server.sockets:
                self.server.log_readers.discard(client_id)
                continue
            self.server.send_sync("logs", {"entries": [entry], "size": None}, client_id)
