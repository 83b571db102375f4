"""Start the features in order, and stop them when the server stops."""

import asyncio
import socket
import uuid
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
    """Return the context manager that uvicorn enters at start and exits at shutdown."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        assert isinstance(app, Application)  # noqa: S101 - built by `create_app`
        async with AsyncExitStack() as stack:
            context = await _context(app, settings, stack)
            background = [work for feature in features for work in await _start(feature, context, app)]
            tasks = [asyncio.create_task(_log_failure(work)) for work in background]
            try:
                yield
            finally:
                await cancel_and_wait(*tasks)

    return lifespan


async def _context(app: Application, settings: Settings, stack: AsyncExitStack) -> Context:
    client = httpx.AsyncClient(
        # Loading certificates takes 0.1 s, and plain HTTP needs none.
        verify=settings.comfyui_url.scheme == "https",
        # ComfyUI is on this machine: a proxy for the internet, named in the environment, cannot reach it.
        trust_env=False,
    )
    await stack.enter_async_context(client)
    app.registry.add(ComfyClient(str(settings.comfyui_url), client, client_id=_client_id(settings)))
    return Context(
        settings=settings,
        database=await stack.enter_async_context(open_database(settings.state_folder / "comfypod.db")),
        events=EventBus(),
        paths=await find_persistent_paths(settings.workspace, settings.state_folder),
        registry=app.registry,
        stack=stack,
    )


def _client_id(settings: Settings) -> str:
    """Return what ComfyUI knows this control plane by. After a restart it is the same, so that running prompts report on.

    Each container has a host name of its own, so that two pods on one volume differ.
    """
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{socket.gethostname()} {settings.state_folder}").hex


async def _start(feature: Feature, context: Context, app: Application) -> tuple[Background, ...]:
    running = await feature.start(context)
    app.registry.add(*running.services)
    app.channels.extend(running.channels)
    return running.background


async def _log_failure(work: Background) -> None:
    """Run background work and log its failure at once: the task is awaited only at shutdown."""
    try:
        await work()
    except Exception:
        log.exception("background work failed")
