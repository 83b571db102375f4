"""Starts the features one after the other, and stops them when the server stops."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import httpx
import structlog
from fastapi import FastAPI

from backend.comfy.client import ComfyClient
from backend.config.settings import Settings
from backend.core.async_tools import cancel_and_wait
from backend.core.database import open_database
from backend.core.events import EventBus
from backend.core.persistent_paths import find_persistent_paths
from backend.web.features import Application, Background, Context, Feature

log = structlog.get_logger(__name__)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def lifespan_of(settings: Settings, features: Sequence[Feature]) -> Lifespan:
    """Return what uvicorn enters at start and leaves at the end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        assert isinstance(app, Application)  # noqa: S101 - built by `create_app`
        async with AsyncExitStack() as stack:
            context = await _context(app, settings, stack)
            background = [work for feature in features for work in await _start(feature, context, app)]
            tasks = [asyncio.create_task(_watched(work)) for work in background]
            try:
                yield
            finally:
                await cancel_and_wait(*tasks)

    return lifespan


async def _context(app: Application, settings: Settings, stack: AsyncExitStack) -> Context:
    # Certificates take a tenth of a second to load, and plain HTTP needs none.
    client = httpx.AsyncClient(verify=settings.comfyui_url.scheme == "https")
    app.registry.add(ComfyClient(str(settings.comfyui_url), await stack.enter_async_context(client)))
    return Context(
        settings=settings,
        database=await stack.enter_async_context(open_database(settings.state_folder / "comfypod.db")),
        events=EventBus(),
        paths=await find_persistent_paths(settings.workspace, settings.state_folder),
        registry=app.registry,
        stack=stack,
    )


async def _start(feature: Feature, context: Context, app: Application) -> tuple[Background, ...]:
    running = await feature.start(context)
    app.registry.add(*running.services)
    app.channels.extend(running.channels)
    return running.background


async def _watched(work: Background) -> None:
    """Background work is awaited only at the end; an error in it must not stay silent until then."""
    try:
        await work()
    except Exception:
        log.exception("background work has ended")
