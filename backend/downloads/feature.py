"""Downloads as a feature: the queue of transfers, the engine below it, and what shows them."""

import asyncio
from functools import partial

from backend.activity.service import Activity
from backend.comfy.client import ComfyClient
from backend.downloads import api, sockets
from backend.downloads.bandwidth import Bandwidth
from backend.downloads.batches import Batches
from backend.downloads.deduplication import Deduplication
from backend.downloads.engine.fetch import Fetcher
from backend.downloads.engine.parallel import FetchLimits
from backend.downloads.engine.throttle import Throttle
from backend.downloads.history import History
from backend.downloads.pages import actions, add, overview
from backend.downloads.policy import Policy
from backend.downloads.recovery import Recovery
from backend.downloads.retries import Retries
from backend.downloads.service import Downloads
from backend.downloads.store import TransferStore
from backend.downloads.transfer_start import TransferStart
from backend.downloads.visibility import Visibility
from backend.downloads.worker import Worker
from backend.sources.guard import Guard
from backend.sources.service import Sources
from backend.storage.service import Storage
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    registry, events = context.registry, context.events
    storage, sources, comfy = registry.get(Storage), registry.get(Sources), registry.get(ComfyClient)
    store = TransferStore(context.database)
    await store.prepare()
    downloads = Downloads(store, storage, sources, registry.get(Guard), events)
    throttle = Throttle()
    bandwidth = await _bandwidth(context, store, throttle, comfy)
    channels = sockets.DownloadChannels(downloads, events)
    History(registry.get(Activity), events)
    context.stack.push_async_callback(Visibility(store, comfy, events).close)
    transfer_start = registry.find(TransferStart) or TransferStart()
    limits = FetchLimits(stall_seconds=context.settings.download_stall_seconds)
    fetcher = Fetcher(sources, Deduplication(storage), storage.models, limits, throttle)
    retries = Retries(first_pause=context.settings.download_retry_seconds)
    worker = Worker(downloads, store, fetcher, bandwidth, events, retries=retries)
    recovery = Recovery(downloads, store, storage.models)
    return Running(
        services=(downloads, Batches(downloads, sources, storage), bandwidth, channels, transfer_start),
        channels=(channels,),
        background=(partial(_transfer, transfer_start, worker, recovery),),
    )


async def _bandwidth(
    context: Context, store: TransferStore, throttle: Throttle, comfy: ComfyClient
) -> Bandwidth:
    default = Policy(files_at_once=context.settings.download_workers)
    bandwidth = Bandwidth(context.paths.pace, store, throttle, comfy, context.events, default)
    await bandwidth.load()
    return bandwidth


async def _transfer(transfer_start: TransferStart, worker: Worker, recovery: Recovery) -> None:
    try:
        await recovery.run()
    finally:
        transfer_start.recovered.set()
    await transfer_start.wait()
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run())
        group.create_task(recovery.look_again())


FEATURE = Feature(
    name="downloads",
    routers=(api.router, sockets.router, overview.router, add.router, actions.router),
    start=start,
)
