"""Downloads as a feature: the queue of transfers, the engine that fetches files, and the routes."""

import asyncio
from dataclasses import dataclass

from backend.activity.service import Activity
from backend.comfy.client import ComfyClient
from backend.downloads import api, sockets
from backend.downloads.bandwidth import Bandwidth
from backend.downloads.batches import Batches
from backend.downloads.cancellations import Cancellations
from backend.downloads.continuation import Continuation
from backend.downloads.deduplication import Deduplication
from backend.downloads.engine.download import FetchLimits
from backend.downloads.engine.fetch import Fetcher
from backend.downloads.engine.throttle import Throttle
from backend.downloads.fetching import TransferFetcher
from backend.downloads.history import History
from backend.downloads.listing import TransferList
from backend.downloads.ordering import Ordering
from backend.downloads.pages import actions, add, overview
from backend.downloads.policy import MAX_FILES, Policy
from backend.downloads.recovery import Recovery
from backend.downloads.retry_pauses import RetryPauses
from backend.downloads.saved_queue import SavedQueue
from backend.downloads.service import Downloads
from backend.downloads.store import TransferStore
from backend.downloads.throughput import Throughput
from backend.downloads.transfer_start import TransferStart
from backend.downloads.visibility import Visibility
from backend.downloads.worker import Worker
from backend.sources.address_guard import AddressGuard
from backend.sources.service import Sources
from backend.storage.service import Storage
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    registry, events = context.registry, context.events
    storage, sources, comfy = registry.get(Storage), registry.get(Sources), registry.get(ComfyClient)
    store = TransferStore(context.database)
    await store.prepare()
    downloads = Downloads(store, storage, sources, registry.get(AddressGuard), events)
    throttle = Throttle()
    default = Policy(files_at_once=context.settings.download_workers)
    bandwidth = Bandwidth(context.paths.limits, throttle, comfy, events, default)
    await bandwidth.load()
    channels = sockets.DownloadChannels(downloads, events)
    History(registry.get(Activity), events)
    context.stack.push_async_callback(Visibility(store, comfy, events).close)
    transfer_start = registry.find(TransferStart) or TransferStart()
    retries = RetryPauses(first_pause=context.settings.download_retry_seconds)
    fetcher = TransferFetcher(
        fetcher=Fetcher(sources, _limits(context), throttle, max_files=MAX_FILES),
        deduplication=Deduplication(storage),
        space=downloads.space,
        store=store,
        models=storage.models,
        retries=retries,
    )
    worker = Worker(downloads, store, fetcher, bandwidth, events, retries=retries)
    queue = SavedQueue(context.paths.queue, store, events)
    recovery = Recovery(downloads, store, storage, queue)
    batches = Batches(downloads, sources, storage)
    cancellations = Cancellations(downloads, store, storage)
    background = Background(start=transfer_start, worker=worker, recovery=recovery, queue=queue)
    return Running(
        services=(
            downloads,
            TransferList(store),
            batches,
            cancellations,
            Continuation(downloads, storage),
            Ordering(downloads, store, events),
            Throughput(downloads.progress, events),
            bandwidth,
            channels,
            transfer_start,
        ),
        channels=(channels,),
        background=(background.run, cancellations.run),
    )


def _limits(context: Context) -> FetchLimits:
    return FetchLimits(stall_seconds=context.settings.download_stall_seconds)


@dataclass(frozen=True, kw_only=True)
class Background:
    """What runs as long as the control plane."""

    start: TransferStart
    worker: Worker
    recovery: Recovery
    queue: SavedQueue

    async def run(self) -> None:
        try:
            await self.recovery.run()
        finally:
            self.start.recovered.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.queue.run())
            group.create_task(self._transfer())
            group.create_task(self.recovery.repeat())

    async def _transfer(self) -> None:
        await self.start.wait()
        await self.worker.run()


FEATURE = Feature(
    name="downloads",
    routers=(api.router, sockets.router, overview.router, add.router, actions.router),
    start=start,
)
