"""Starts the server with the first request, and stops it with the control plane."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from starlette.types import ASGIApp

from backend.activity.service import Activity
from backend.core.errors import Unavailable
from backend.mcp.catalogue import all_tools
from backend.mcp.limits import CallLimits
from backend.mcp.recording import CallRecorder
from backend.web.features import Registry
from backend.web.metrics import Metrics

Running: TypeAlias = AbstractAsyncContextManager[ASGIApp]
# Blocks for the import of the SDK; called in a thread.
Build: TypeAlias = Callable[[], Running]


class Gateway:
    """The server of one application, once there is a request for it."""

    def __init__(self, build: Build):
        self._build = build
        self._starting = asyncio.Lock()
        self._stop = asyncio.Event()
        self._app: ASGIApp | None = None
        self._task: asyncio.Task[None] | None = None

    async def app(self) -> ASGIApp:
        """Return the running application. The first call takes about a second."""
        async with self._starting:
            if self._stop.is_set():
                raise Unavailable("The control plane is stopping. Try again in a few seconds.", retry_after=2)
            if self._app is None:
                started: asyncio.Future[ASGIApp] = asyncio.get_running_loop().create_future()
                # Task groups must be left by the task that entered them, so they get one of their own.
                self._task = asyncio.create_task(self._run(await asyncio.to_thread(self._build), started))
                self._app = await started
            return self._app

    def close(self) -> None:
        """End all sessions; clients connect again."""
        self._stop.set()

    async def closed(self) -> None:
        """Wait until the server has stopped."""
        self._stop.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self, server: Running, started: asyncio.Future[ASGIApp]) -> None:
        async with server as app:
            started.set_result(app)
            await self._stop.wait()


def build_for(registry: Registry) -> Build:
    """Return what builds the server with the tools of all features."""
    recorder, limits = CallRecorder(registry.get(Activity), registry.get(Metrics)), CallLimits()

    def build() -> Running:
        from backend.mcp.server import build_server, http_app  # noqa: PLC0415 - costs 17 MB and most of a second

        return http_app(build_server(registry, all_tools(registry), recorder, limits))

    return build
