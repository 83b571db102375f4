"""Makes the services and ties them together, bottom up."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import structlog
from fastapi import FastAPI

from backend.comfy.client import ComfyClient
from backend.config.settings import Settings
from backend.core.database import Database, open_database
from backend.core.errors import AppError
from backend.core.events import EventBus
from backend.downloads.bandwidth import Bandwidth
from backend.downloads.batches import Batches
from backend.downloads.deduplication import Deduplication
from backend.downloads.engine.fetch import Fetcher
from backend.downloads.engine.parallel import FetchLimits
from backend.downloads.engine.throttle import Throttle
from backend.downloads.policy import Policy
from backend.downloads.recovery import Recovery
from backend.downloads.retries import Retries
from backend.downloads.service import Downloads
from backend.downloads.sockets import DownloadChannels
from backend.downloads.store import TransferStore
from backend.downloads.visibility import Visibility
from backend.downloads.worker import Worker
from backend.main.hubs import Hubs, hubs_of
from backend.main.persistent_paths import find_persistent_paths
from backend.presets.catalogue import Catalogue
from backend.presets.requirements import Requirements
from backend.presets.service import Presets
from backend.presets.sharing import Sharing
from backend.settings.service import TokenSettings
from backend.sources.metadata import HubMetadata
from backend.storage import sockets as storage_sockets
from backend.storage.service import Storage
from backend.storage.store import HashStore
from backend.system import sockets as system_sockets
from backend.system.addresses import Addresses
from backend.system.model_paths import ModelPaths
from backend.system.safe_mode import SafeMode
from backend.system.service import System
from backend.system.services import Services
from backend.system.supervisor import Supervisor
from backend.web.socket import Channel
from backend.web.ticker import publish_every

log = structlog.get_logger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Everything that lives as long as the application does."""
    settings: Settings = app.state.settings
    async with AsyncExitStack() as stack:
        state = app.state
        events = EventBus()
        kept = state.kept = await find_persistent_paths(settings.workspace, settings.state_folder)
        database = await stack.enter_async_context(open_database(settings.state_folder / "comfypod.db"))
        storage = state.storage = await _storage(settings, database)
        stack.push_async_callback(storage.close)
        # Certificates take a tenth of a second to load, and plain HTTP needs none.
        client = httpx.AsyncClient(verify=settings.comfyui_url.scheme == "https")
        comfy = ComfyClient(str(settings.comfyui_url), await stack.enter_async_context(client))
        services = state.services = Services(Supervisor(settings.supervisor_socket), settings.log_dir)
        state.addresses = _addresses(settings)
        state.model_paths = ModelPaths(settings.workspace)
        state.safe_mode = SafeMode(settings.run_dir, settings.safe_mode)
        state.system = System(settings.workspace, settings.run_dir, comfy, services, settings.problems)
        transfers = await _add_downloads(app, Ground(settings, database, storage, comfy, events, stack))
        presets = _add_presets(app, settings, storage, comfy, kept.presets)
        background = [
            services.hide({*settings.secrets, *state.tokens.known()}),
            presets.catalogue.load_first(),
            transfers,
            publish_every(
                system_sockets.SECONDS, state.system_channel, partial(system_sockets.frame, state.system)
            ),
            publish_every(
                storage_sockets.SECONDS, state.storage_channel, partial(storage_sockets.frame, storage)
            ),
            _download_wanted_presets(settings.preset_download, presets),
        ]
        tasks = [asyncio.create_task(work) for work in background]
        for task in tasks:
            task.add_done_callback(_report_death)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _storage(settings: Settings, database: Database) -> Storage:
    """What ComfyUI is started with, and the file that people put beside ComfyUI by hand."""
    name = "extra_model_paths.yaml"
    hashes = HashStore(database)
    await hashes.prepare()
    return Storage(
        settings.models_folder, hashes, (settings.run_dir / name, settings.models_folder.parent / name)
    )


def _addresses(settings: Settings) -> Addresses:
    mapped = (settings.vast_tcp_port_3001, settings.vast_tcp_port_8081, settings.vast_tcp_port_8889)
    return Addresses(
        runpod_pod=settings.runpod_pod_id, mapped=dict(zip((3001, 8081, 8889), mapped, strict=True))
    )


@dataclass(frozen=True)
class Ground:
    """What downloads are built on."""

    settings: Settings
    database: Database
    storage: Storage
    comfy: ComfyClient
    events: EventBus
    stack: AsyncExitStack


async def _add_downloads(app: FastAPI, ground: Ground) -> Coroutine[Any, Any, None]:
    """Returns the work to be done in the background."""
    settings, storage, events = ground.settings, ground.storage, ground.events
    hubs = await _add_hubs(app, settings, ground.stack)
    store = TransferStore(ground.database)
    await store.prepare()
    downloads = app.state.downloads = Downloads(store, storage, hubs.sources, hubs.guard, events)
    app.state.batches = Batches(downloads, hubs.sources, storage)
    app.state.download_channels = DownloadChannels(downloads, events)
    throttle, default = Throttle(), Policy(files_at_once=settings.download_workers)
    governor = app.state.governor = Bandwidth(
        app.state.kept.pace, store, throttle, ground.comfy, events, default
    )
    await governor.load()
    limits = FetchLimits(stall_seconds=settings.download_stall_seconds)
    fetcher = Fetcher(hubs.sources, Deduplication(storage), storage.models, limits, throttle)
    retries = Retries(first_pause=settings.download_retry_seconds)
    ground.stack.push_async_callback(Visibility(store, ground.comfy, events).close)
    worker = Worker(downloads, store, fetcher, governor, events, retries=retries)
    return _transfer(app, worker, Recovery(downloads, store, storage.models))


def _add_presets(
    app: FastAPI, settings: Settings, storage: Storage, comfy: ComfyClient, added: Path
) -> Presets:
    catalogue = Catalogue(settings.presets_dir, added)
    presets = app.state.presets = Presets(catalogue, app.state.downloads, storage, app.state.hub_metadata)
    app.state.users_of_models = catalogue.users
    app.state.needs = Requirements(presets, app.state.downloads, storage, comfy)
    app.state.sharing = Sharing(catalogue, app.state.downloads, storage, app.state.sources, added)
    return presets


async def _transfer(app: FastAPI, worker: Worker, recovery: Recovery) -> None:
    try:
        await recovery.run()
    finally:
        app.state.recovered.set()
    await app.state.may_transfer.wait()
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run())
        group.create_task(recovery.look_again())


def _report_death(task: asyncio.Task[None]) -> None:
    """Background work is not awaited before the end; a fault in it must not stay silent until then."""
    if not task.cancelled() and task.exception():
        log.error("background work has ended", exc_info=task.exception())


async def _add_hubs(app: FastAPI, settings: Settings, stack: AsyncExitStack) -> Hubs:
    """Everything that speaks to hubs."""
    state = app.state
    hubs = await hubs_of(settings, stack, state.kept.tokens)
    state.tokens, state.sources = hubs.tokens, hubs.sources
    state.hub_metadata = HubMetadata(hubs.hugging_face, hubs.civitai, settings.state_folder / "hub-facts")
    stack.push_async_callback(state.hub_metadata.close)
    state.token_settings = TokenSettings(
        hubs.tokens,
        hubs.sources,
        state.services,
        outlive=state.kept.tokens.is_relative_to(settings.workspace),
    )
    return hubs


async def _download_wanted_presets(wanted: tuple[str, ...], presets: Presets) -> None:
    """`PRESET_DOWNLOAD`: one unknown id must not keep the others from being fetched."""
    await presets.catalogue.until_loaded()
    for preset_id in wanted:
        try:
            await presets.download(preset_id)
        except AppError as error:
            log.warning("preset of PRESET_DOWNLOAD was not started", preset=preset_id, reason=error.message)


def add_stages(app: FastAPI) -> None:
    """The queue is in order again; transfers may start, which they do at once unless somebody clears this first."""
    app.state.recovered = asyncio.Event()
    app.state.may_transfer = asyncio.Event()
    app.state.may_transfer.set()


def add_channels(app: FastAPI) -> None:
    app.state.system_channel = Channel("system")
    app.state.storage_channel = Channel("storage")
    app.state.log_channel = Channel("logs")


def close_channels(app: FastAPI) -> None:
    """Say goodbye to every socket; called as soon as the server is told to stop."""
    for channel in (app.state.system_channel, app.state.storage_channel, app.state.log_channel):
        channel.close()
    if hasattr(app.state, "download_channels"):
        app.state.download_channels.close()
