"""A stand-in for RunPod's REST API and Vast's API: stops pods for the right key, and fails as chosen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

KEY = "rpa_key_of_the_pod"


@dataclass(kw_only=True)
class PodHost:
    """`stopped` lists the pods that it was asked to stop. `mode` is `works`, `fails` or `stalls`."""

    url: str = ""
    mode: str = "works"
    requests: int = 0
    stopped: list[str] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def stop_on_runpod(self, request: web.Request) -> web.Response:
        await self._check(request)
        self.stopped.append(request.match_info["pod"])
        return web.json_response({"id": request.match_info["pod"], "desiredStatus": "EXITED"})

    async def change_on_vast(self, request: web.Request) -> web.Response:
        await self._check(request)
        if await request.json() != {"state": "stopped"}:
            raise web.HTTPBadRequest
        self.stopped.append(request.match_info["pod"])
        return web.json_response({"success": True})

    async def _check(self, request: web.Request) -> None:
        self.requests += 1
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            raise web.HTTPUnauthorized
        if self.mode == "fails":
            raise web.HTTPInternalServerError
        if self.mode == "stalls":
            await self.closing.wait()


@asynccontextmanager
async def running_pod_host() -> AsyncIterator[PodHost]:
    host = PodHost()
    app = web.Application()
    app.add_routes(
        [
            web.post("/v1/pods/{pod}/stop", host.stop_on_runpod),
            web.put("/api/v0/instances/{pod}/", host.change_on_vast),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield host
    finally:
        host.closing.set()
        await runner.cleanup()
