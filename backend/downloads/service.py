"""What people ask of downloads: one transfer per destination, and control over it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence

from backend.core import clock
from backend.core.async_tools import KeyedLocks
from backend.core.errors import Conflict, NotFound
from backend.core.events import EventBus
from backend.core.names import clean_folder, clean_name
from backend.downloads.disk_space import Room
from backend.downloads.engine.resume_state import PartialFile
from backend.downloads.models import (
    ACTIVE,
    NOWHERE,
    UNFINISHED,
    FileRequest,
    LogLine,
    Problem,
    Progress,
    QueueChanged,
    State,
    Transfer,
    TransferChanged,
    new_id,
)
from backend.downloads.request_matching import adopt, asked_again, brings_the_same, name_of, settles
from backend.downloads.schemas import TransferView
from backend.downloads.store import TransferStore
from backend.downloads.views import view_of
from backend.sources import formats
from backend.sources.api_errors import as_api_errors
from backend.sources.guard import Guard
from backend.sources.service import Sources
from backend.storage.service import Storage

RETRYABLE = frozenset({State.FAILED, State.CANCELLED, State.QUARANTINED, State.RETRYING, State.PAUSED})
FORGETTABLE = frozenset({State.DONE, State.CANCELLED})
CANCELLABLE = UNFINISHED | {State.FAILED, State.QUARANTINED}
HISTORY = 500


class Downloads:
    """Asks for transfers, steers them, shows them. The worker does the transferring."""

    def __init__(
        self, store: TransferStore, storage: Storage, sources: Sources, guard: Guard, events: EventBus
    ):
        self._store = store
        self._storage = storage
        self._sources = sources
        self._guard = guard
        self._events = events
        # Filled by the worker while a transfer runs.
        self.progress: dict[str, Progress] = {}
        # By destination: held by the worker while it writes there, and by whoever deletes what was written.
        self.alone = KeyedLocks()
        self.room = Room(store, storage, self.progress)

    async def request(self, wanted: FileRequest) -> Transfer:
        """Ask for one file. Asking twice gives the same transfer."""
        transfer = await self.prepared(wanted)
        if formats.is_pickle(transfer.filename) and not wanted.allow_pickle:
            raise Conflict(
                f"{transfer.filename} is in a format that can run code when it is loaded. Confirm that you trust "
                f"{transfer.host} and its author, or look for a .safetensors file instead.",
                code="pickle_unconfirmed",
            )
        while True:
            earlier = await self._store.newest_for(transfer.folder, transfer.filename)
            if asked := await self._ask(transfer, earlier):
                return asked

    async def _ask(self, transfer: Transfer, earlier: Transfer | None) -> Transfer | None:
        """None when somebody else has changed the destination's record meanwhile."""
        installed = await self._is_installed(transfer)
        if earlier and settles(earlier, transfer, installed=installed):
            return adopt(earlier, transfer)
        if installed:
            raise Conflict(
                f"{transfer.filename} is in {transfer.folder} already. Delete it first, or choose another name.",
                code="file_exists",
            )
        again = earlier if earlier and earlier.state != State.DONE else None
        asked = asked_again(again, transfer) if again else transfer
        if asked.bytes:
            await self.check_room([asked.bytes - asked.received])
        if not (await self._requeue(again, asked) if again else await self._store.add(asked)):
            return None
        await self._store.note(asked.id, f"Asked for, from {asked.url}.")
        self.announce(asked)
        return asked

    async def list(self) -> Sequence[Transfer]:
        """Unfinished transfers and the newest finished ones, in the order of the queue."""
        return await self._store.all(HISTORY)

    async def get(self, transfer_id: str) -> Transfer:
        transfer = await self._store.get(transfer_id)
        if transfer is None:
            raise NotFound(
                "There is no such download. It may have been removed from the history.", id=transfer_id
            )
        return transfer

    async def log(self, transfer_id: str) -> Sequence[LogLine]:
        """What happened to it, oldest first."""
        await self.get(transfer_id)
        return await self._store.log(transfer_id)

    async def latest(self, folder: str, filename: str) -> Transfer | None:
        """The newest transfer to a destination."""
        return await self._store.newest_for(folder, filename)

    async def cancel(self, transfer_id: str) -> Transfer:
        """Stop for good and leave nothing on disk."""
        transfer = await self.get(transfer_id)
        if transfer.state == State.CANCELLED:
            return transfer
        progress = self.progress.get(transfer.id)
        changed = transfer.changed(
            state=State.CANCELLED, received=0, retry_at=None, problem=None, finished_at=clock.now()
        )
        await self._change(changed, CANCELLABLE, "It is finished: there is nothing to cancel.")
        async with self.alone[transfer.destination]:  # once the worker has let go
            current = await self._store.get(transfer.id)
            if current is None or current.state == State.CANCELLED:
                partial = self._partial_of(transfer)
                await asyncio.to_thread(_discard, partial)
                if progress and progress.arrived:  # the last byte was faster than the person
                    await asyncio.to_thread(partial.target.unlink, missing_ok=True)
        return changed

    async def pause(self, transfer_id: str, problem: Problem | None = None) -> Transfer:
        """Stop for now; what has arrived stays. `problem` says why, if it was not a person's wish."""
        transfer = await self.get(transfer_id)
        if transfer.state == State.PAUSED:
            return transfer
        changed = self.so_far(transfer).changed(state=State.PAUSED, retry_at=None, problem=problem)
        await self._change(changed, ACTIVE, "Only a download that is under way can be paused.")
        await self._store.note(transfer.id, problem.message if problem else "Paused.")
        return changed

    async def resume(self, transfer_id: str) -> Transfer:
        """Go on with a paused transfer."""
        return await self.retry(transfer_id)

    async def retry(self, transfer_id: str) -> Transfer:
        """Queue it again; a partial file is gone on with."""
        transfer = await self.get(transfer_id)
        if transfer.state in ACTIVE - {State.RETRYING}:
            return transfer
        if transfer.state not in RETRYABLE:
            raise _wrong_state(transfer, "It is finished: there is nothing to retry.")
        if transfer.url == NOWHERE:
            raise _wrong_state(
                transfer, "Nothing tells where it comes from. Ask for it again by its address."
            )
        changed = transfer.changed(
            state=State.QUEUED, problem=None, failures=0, retry_at=None, finished_at=None, verification=None
        )
        if not await self._requeue(transfer, changed):
            raise _wrong_state(transfer, "It has changed this very moment. Look again.")
        await self._store.note(transfer.id, "Queued again.")
        self.announce(changed)
        return changed

    async def _requeue(self, stopped: Transfer, queued: Transfer) -> bool:
        """Bytes that were put aside, or are of other content, make room for those to come."""
        if stopped.state != State.QUARANTINED and brings_the_same(stopped, queued):
            return await self._store.save(queued, only_if=[stopped.state])
        async with self.alone[stopped.destination]:
            requeued = await self._store.save(queued, only_if=[stopped.state])
            if requeued:
                await asyncio.to_thread(_discard, self._partial_of(stopped))
            return requeued

    async def accept(self, transfer_id: str) -> Transfer:
        """Take bytes that were put aside, although they are not the promised ones."""
        async with self.alone[(await self.get(transfer_id)).destination]:
            transfer = await self.get(transfer_id)
            if transfer.state != State.QUARANTINED:
                raise _wrong_state(transfer, "Nothing was put aside for this download.")
            try:
                await asyncio.to_thread(self._partial_of(transfer).accept)
            except FileExistsError:
                raise Conflict(
                    f"{transfer.filename} is in {transfer.folder} already. Delete it first.",
                    code="file_exists",
                ) from None
            except FileNotFoundError:
                raise NotFound("What was put aside is not there any more. Retry to fetch it again.") from None
            changed = transfer.changed(state=State.DONE, problem=None, finished_at=clock.now())
            await self._change(changed, [State.QUARANTINED], "Somebody else has decided already.")
        return changed

    async def retry_failed(self) -> Sequence[Transfer]:
        """Queue again everything that failed, and nothing else."""
        return await self._with_each(self.retry, State.FAILED, State.RETRYING)

    async def pause_all(self, problem: Problem | None = None) -> Sequence[Transfer]:
        return await self._with_each(lambda key: self.pause(key, problem), *ACTIVE)

    async def resume_all(self) -> Sequence[Transfer]:
        return await self._with_each(self.resume, State.PAUSED)

    async def _with_each(
        self, change: Callable[[str], Awaitable[Transfer]], *states: State
    ) -> Sequence[Transfer]:
        changed = []
        for transfer in await self._store.in_state(*states):
            with contextlib.suppress(Conflict, NotFound):  # done or forgotten meanwhile
                changed.append(await change(transfer.id))
        return changed

    async def put_first(self, ids: Sequence[str]) -> None:
        """Fetch these before all others that wait, in this order."""
        for transfer_id in ids:
            await self.get(transfer_id)
        await self._store.put_first(ids)
        self._events.publish(QueueChanged())

    async def clear_history(self) -> None:
        """Forget what is done or cancelled. Files on disk stay."""
        for transfer in await self._store.in_state(*FORGETTABLE):
            await self._store.forget(transfer.id, FORGETTABLE)
        self._events.publish(QueueChanged())

    def view(self, transfer: Transfer) -> TransferView:
        """The record together with how far it is this very moment."""
        return view_of(transfer, self.progress.get(transfer.id))

    async def check_room(self, sizes: Iterable[int]) -> None:
        """OutOfSpace unless files of these sizes fit beside everything that is still to come."""
        await self.room.check(sizes)

    async def prepared(self, wanted: FileRequest) -> Transfer:
        """The transfer that `wanted` would become, checked and cleaned but not asked for."""
        with as_api_errors():
            offer = await self._sources.one_file(wanted.url, name_known=wanted.filename is not None)
        self._guard.check_request(offer.url)
        sha256 = wanted.sha256 or offer.facts.sha256
        return Transfer(
            id=new_id(),
            url=offer.url,
            alternatives=tuple(self._sources.canonical(other) for other in wanted.alternatives),
            folder=clean_folder(wanted.folder),
            filename=clean_name(wanted.filename or name_of(offer)),
            sha256=sha256.lower() if sha256 else None,
            bytes=wanted.bytes or offer.facts.bytes,
            preset=wanted.preset,
            created_at=clock.now(),
        )

    async def _change(self, transfer: Transfer, only_if: Iterable[State], refusal: str) -> None:
        if not await self._store.save(transfer, only_if=only_if):
            raise _wrong_state(transfer, refusal)
        self.announce(transfer)

    def announce(self, transfer: Transfer) -> None:
        """Tell whoever watches."""
        self._events.publish(TransferChanged(transfer=transfer))

    async def _is_installed(self, transfer: Transfer) -> bool:
        size = await asyncio.to_thread(self._storage.size_of, transfer.folder, transfer.filename)
        return size is not None

    def so_far(self, transfer: Transfer) -> Transfer:
        """The record with what has arrived, and how much that will be in the end."""
        progress = self.progress.get(transfer.id)
        if progress is None:
            return transfer
        return transfer.changed(received=progress.received, bytes=progress.total or transfer.bytes)

    def _partial_of(self, transfer: Transfer) -> PartialFile:
        return PartialFile(self._storage.path_of(transfer.folder, transfer.filename))


def _wrong_state(transfer: Transfer, refusal: str) -> Conflict:
    return Conflict(refusal, code="wrong_state", id=transfer.id)


def _discard(partial: PartialFile) -> None:
    """Delete what we have left; what another pod is writing is not ours."""
    if not partial.is_written_elsewhere():
        partial.discard()
