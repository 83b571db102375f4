"""What users do with downloads: one transfer per destination, and control over it. The worker runs the transfers."""

import asyncio
from collections.abc import Iterable, Sequence

from backend.core import clock
from backend.core.async_tools import KeyedLocks
from backend.core.errors import Conflict, NotFound
from backend.core.events import EventBus
from backend.core.names import clean_folder, clean_name
from backend.downloads.destinations import is_installed
from backend.downloads.disk_space import DiskSpace
from backend.downloads.engine.models import Progress
from backend.downloads.engine.resume_state import PartialFile
from backend.downloads.models import (
    ACTIVE,
    FINISHED,
    UNFINISHED,
    UNKNOWN_URL,
    FileRequest,
    LogLine,
    Problem,
    QueueChanged,
    State,
    Transfer,
    TransferChanged,
    TransfersChanged,
    new_id,
)
from backend.downloads.request_matching import is_same_content, merged, name_of, needs_no_download, reuse
from backend.downloads.schemas import TransferView
from backend.downloads.store import TransferFilter, TransferStore
from backend.downloads.views import view_of
from backend.sources import formats
from backend.sources.address_guard import AddressGuard
from backend.sources.api_errors import as_api_errors
from backend.sources.consent import check_pickle_consent
from backend.sources.service import Sources
from backend.storage.service import Storage

RETRYABLE = frozenset({State.FAILED, State.CANCELLED, State.QUARANTINED, State.RETRYING, State.PAUSED})
CLEARABLE = frozenset({State.DONE, State.CANCELLED})
# Finished transfers in the list of recent ones.
RECENT = 100


class Downloads:
    """Requests, controls and shows transfers."""

    def __init__(
        self, store: TransferStore, storage: Storage, sources: Sources, guard: AddressGuard, events: EventBus
    ):
        self._store = store
        self._storage = storage
        self._sources = sources
        self._guard = guard
        self._events = events
        # Of running transfers, by id; filled by the worker.
        self.progress: dict[str, Progress] = {}
        # Held by the worker while it writes to a destination, and by operations that delete there.
        self.destination_locks = KeyedLocks()
        self.space = DiskSpace(store, storage, self.progress)

    async def request(self, request: FileRequest, received: int = 0) -> Transfer:
        """Queue a download. The same request again returns the same transfer. `received` bytes of it are on disk."""
        transfer = (await self.prepare(request)).changed(received=received)
        if formats.is_pickle(transfer.filename):
            check_pickle_consent([transfer.destination], [transfer.host], allow_pickle=request.allow_pickle)
        while True:
            existing = await self._store.newest_for(transfer.folder, transfer.filename)
            if queued := await self._queue(transfer, existing):
                return queued

    async def _queue(self, requested: Transfer, existing: Transfer | None) -> Transfer | None:
        """Queue the request, or return None when another request has changed the destination's record meanwhile."""
        installed = await is_installed(self._storage, requested.folder, requested.filename)
        if existing and needs_no_download(existing, requested, installed=installed):
            return reuse(existing, requested)
        if installed:
            raise Conflict(
                f"{requested.folder} already contains {requested.filename}. Delete it first, or choose another name.",
                code="file_exists",
            )
        stopped = existing if existing and existing.state != State.DONE else None
        transfer = merged(stopped, requested) if stopped else requested
        if transfer.bytes:
            await self.space.check([transfer.bytes - transfer.received])
        note = f"Requested from {transfer.url}."
        if not await (self._requeue(stopped, transfer, note) if stopped else self._store.add(transfer, note)):
            return None
        self.announce(transfer)
        return transfer

    async def list(self) -> Sequence[Transfer]:
        """Return all unfinished transfers in the order of the queue, then the most recently finished ones."""
        unfinished = await self._store.in_state(*UNFINISHED)
        return [*unfinished, *await self._store.finished_page(TransferFilter(states=FINISHED), RECENT)]

    async def unfinished(self) -> Sequence[Transfer]:
        """Return all unfinished transfers in the order of the queue."""
        return await self._store.in_state(*UNFINISHED)

    async def finished(self, matching: TransferFilter, limit: int) -> Sequence[Transfer]:
        """Return the most recently finished transfers."""
        return await self._store.finished_page(matching, limit)

    async def counts(self) -> dict[State, int]:
        """Return how many transfers are in each state."""
        return await self._store.counts()

    async def count(self, matching: TransferFilter) -> int:
        return await self._store.count(matching)

    async def get(self, transfer_id: str) -> Transfer:
        transfer = await self._store.get(transfer_id)
        if transfer is None:
            raise NotFound(
                "There is no such download. It may have been removed from the history.", id=transfer_id
            )
        return transfer

    async def log(self, transfer_id: str) -> Sequence[LogLine]:
        """Return what happened to a transfer, oldest first."""
        await self.get(transfer_id)
        return await self._store.log(transfer_id)

    async def latest(self, folder: str, filename: str) -> Transfer | None:
        """Return the newest transfer to a destination."""
        return await self._store.newest_for(folder, filename)

    async def pause(self, transfer_id: str) -> Transfer:
        """Stop a transfer for now. What it has received is kept."""
        transfer = await self.get(transfer_id)
        if transfer.state == State.PAUSED:
            return transfer
        paused = self.with_progress(transfer).changed(state=State.PAUSED, retry_at=None, problem=None)
        await self.change(paused, ACTIVE, "Only an active download can be paused.", note="Paused.")
        return paused

    async def resume(self, transfer_id: str) -> Transfer:
        """Continue a paused transfer."""
        return await self.retry(transfer_id)

    async def retry(self, transfer_id: str) -> Transfer:
        """Queue a transfer again. It resumes from what it has received."""
        transfer = await self.get(transfer_id)
        if transfer.state in ACTIVE - {State.RETRYING}:
            return transfer
        if transfer.state not in RETRYABLE:
            raise _wrong_state(transfer, "It is finished: there is nothing to retry.")
        if transfer.url == UNKNOWN_URL:
            raise _wrong_state(transfer, "Its source is unknown. Request the file again by its URL.")
        queued = transfer.changed(
            state=State.QUEUED, problem=None, failures=0, retry_at=None, finished_at=None, verification=None
        )
        if not await self._requeue(transfer, queued, "Queued again."):
            raise _wrong_state(transfer, "It has just changed. Try again.")
        self.announce(queued)
        return queued

    async def _requeue(self, stopped: Transfer, queued: Transfer, note: str) -> bool:
        """Queue a stopped transfer. Bytes that are quarantined or of other content are deleted."""
        if stopped.state != State.QUARANTINED and is_same_content(stopped, queued):
            return await self._store.save(queued, only_if=[stopped.state], note=note)
        async with self.destination_locks[stopped.destination]:
            requeued = await self._store.save(queued, only_if=[stopped.state], note=note)
            if requeued:
                await asyncio.to_thread(self._partial_of(stopped).delete_if_ours)
            return requeued

    async def accept(self, transfer_id: str) -> Transfer:
        """Keep quarantined bytes although they are not the expected ones."""
        async with self.destination_locks[(await self.get(transfer_id)).destination]:
            transfer = await self.get(transfer_id)
            if transfer.state != State.QUARANTINED:
                raise _wrong_state(transfer, "Nothing of this download is quarantined.")
            try:
                await asyncio.to_thread(self._partial_of(transfer).accept_quarantined)
            except FileExistsError:
                raise Conflict(
                    f"{transfer.folder} already contains {transfer.filename}. Delete it first.",
                    code="file_exists",
                ) from None
            except FileNotFoundError:
                raise NotFound("The quarantined file no longer exists. Retry to download it again.") from None
            await self._storage.keep_accepted(transfer.folder, transfer.filename)
            accepted = transfer.changed(state=State.DONE, problem=None, finished_at=clock.now())
            await self.change(accepted, [State.QUARANTINED], "Another user has decided already.")
        return accepted

    async def retry_failed(self) -> Sequence[Transfer]:
        """Queue all failed transfers again, and no others."""
        return await self._requeue_all(State.FAILED, State.RETRYING)

    async def resume_all(self) -> Sequence[Transfer]:
        return await self._requeue_all(State.PAUSED)

    async def _requeue_all(self, *states: State) -> Sequence[Transfer]:
        return self._announce_all(await self._store.requeue_all(states, "Queued again."))

    async def pause_all(self, problem: Problem | None = None) -> Sequence[Transfer]:
        """Pause every active transfer. `problem` says why, if a user did not."""
        running = [self.with_progress(transfer) for transfer in await self._running()]
        note = problem.message if problem else "Paused."
        return self._announce_all(await self._store.pause_all(ACTIVE, running, problem, note))

    async def _running(self) -> Sequence[Transfer]:
        found = [await self._store.get(transfer_id) for transfer_id in list(self.progress)]
        return [transfer for transfer in found if transfer]

    async def put_first(self, ids: Sequence[str]) -> None:
        """Start these before all other queued transfers, in this order."""
        for transfer_id in ids:
            await self.get(transfer_id)
        await self._store.put_first(ids)
        self._events.publish(QueueChanged())

    async def clear_history(self) -> None:
        """Forget done and cancelled transfers. Files on disk stay."""
        await self._store.delete_all(CLEARABLE)
        self._events.publish(QueueChanged())

    def view(self, transfer: Transfer) -> TransferView:
        """Return the record together with its current progress."""
        return view_of(transfer, self.progress.get(transfer.id))

    async def prepare(self, request: FileRequest) -> Transfer:
        """Return the transfer that a valid request would become, without queueing it."""
        with as_api_errors():
            file = await self._sources.single_file(request.url, name_known=request.filename is not None)
        self._guard.check_request(file.url)
        sha256 = request.sha256 or file.metadata.sha256
        return Transfer(
            id=new_id(),
            url=file.url,
            alternatives=tuple(self._sources.canonical_url(other) for other in request.alternatives),
            folder=clean_folder(request.folder),
            filename=clean_name(request.filename or name_of(file)),
            sha256=sha256.lower() if sha256 else None,
            bytes=request.bytes or file.metadata.bytes,
            preset=request.preset,
            created_at=clock.now(),
        )

    async def change(
        self, transfer: Transfer, only_if: Iterable[State], refusal: str, note: str | None = None
    ) -> None:
        """Write and publish a record whose state is still one of `only_if`. Raise Conflict with `refusal` otherwise."""
        if not await self._store.save(transfer, only_if=only_if, note=note):
            raise _wrong_state(transfer, refusal)
        self.announce(transfer)

    def announce(self, transfer: Transfer) -> None:
        """Publish a change."""
        self._events.publish(TransferChanged(transfer=transfer))

    def _announce_all(self, transfers: Sequence[Transfer]) -> Sequence[Transfer]:
        if transfers:
            self._events.publish(TransfersChanged(transfers=tuple(transfers)))
        return transfers

    def with_progress(self, transfer: Transfer) -> Transfer:
        """Return the record with what has been received until now."""
        progress = self.progress.get(transfer.id)
        if progress is None:
            return transfer
        return transfer.changed(received=progress.received, bytes=progress.total or transfer.bytes)

    def _partial_of(self, transfer: Transfer) -> PartialFile:
        return PartialFile(self._storage.path_of(transfer.folder, transfer.filename))


def _wrong_state(transfer: Transfer, refusal: str) -> Conflict:
    return Conflict(refusal, code="wrong_state", id=transfer.id)
