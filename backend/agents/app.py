"""The HTTP interface for the control plane alone: every request needs a secret."""

import os
import secrets
from collections.abc import Callable
from typing import Any

import psutil
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.agents.feed import Feed
from backend.agents.worker import Worker


def build(worker: Worker, feed: Feed, secret: Callable[[], str]) -> ASGIApp:
    async def health(_request: Request) -> Response:
        return JSONResponse({"state": "ready", "running": worker.running, **_process()})

    async def look(_request: Request) -> Response:
        worker.look()
        return Response(status_code=204)

    async def stop(request: Request) -> Response:
        await worker.stop(request.path_params["id"])
        return Response(status_code=204)

    async def events(_request: Request) -> Response:
        return StreamingResponse(feed.lines(), media_type="application/x-ndjson")

    routes = [
        Route("/health", health),
        Route("/look", look, methods=["POST"]),
        Route("/stop/{id}", stop, methods=["POST"]),
        Route("/events", events),
    ]
    return Guarded(Starlette(routes=routes), secret)


class Guarded:
    """Rejects requests without the secret."""

    def __init__(self, app: ASGIApp, secret: Callable[[], str]):
        self._app = app
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_allowed(Request(scope)):
            await Response(status_code=401)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_allowed(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return secrets.compare_digest(given.encode(), self._secret().encode())


def _process() -> dict[str, Any]:
    return {"pid": os.getpid(), "memory": psutil.Process().memory_info().rss}
