"""Cancels transfers. What they have received can be kept for a moment, so that a user can undo it."""

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial

from backend.core import clock
from backend.core.database import until_recorded
from backend.core.errors import Conflict
from backend.downloads.engine.resume_state import PartialFile
from backend.downloads.models import ACTIVE, UNFINISHED, State, Transfer
from backend.downloads.service import Downloads
from backend.downloads.store import TransferStore
from backend.storage.service import Storage

# How long pages offer Undo.
UNDO_SECONDS = 30.0
CANCELLABLE = UNFINISHED | {State.FAILED, State.QUARANTINED}


@dataclass(frozen=True, kw_only=True)
class _Cancelled:
    # The record before it was cancelled.
    before: Transfer
    # It got its final name before it was cancelled.
    is_installed: bool
    # When its bytes are deleted, on the event loop's clock.
    due: float


class Cancellations:
    """Deletes the bytes of cancelled transfers, at once or when it is too late to undo."""

    def __init__(self, downloads: Downloads, store: TransferStore, storage: Storage):
        self._downloads = downloads
        self._store = store
        self._storage = storage
        self._cancelled: dict[str, _Cancelled] = {}
        self._added = asyncio.Event()

    async def cancel(self, transfer_id: str, keep_seconds: float = 0) -> Transfer:
        """Stop a transfer for good, and delete what it has received: after `keep_seconds`, until when `undo` works."""
        transfer = await self._downloads.get(transfer_id)
        if transfer.state == State.CANCELLED:
            return transfer
        progress = self._downloads.progress.get(transfer.id)
        before = self._downloads.with_progress(transfer)
        cancelled = before.changed(
            state=State.CANCELLED, retry_at=None, problem=None, finished_at=clock.now()
        )
        await self._downloads.change(cancelled, CANCELLABLE, "It is finished: there is nothing to cancel.")
        self._cancelled[transfer.id] = _Cancelled(
            before=before,
            is_installed=progress is not None and progress.result is not None,
            due=asyncio.get_running_loop().time() + keep_seconds,
        )
        if keep_seconds:
            self._added.set()
            return cancelled
        await self._delete(transfer.id)
        return await self._downloads.get(transfer.id)

    async def undo(self, transfer_id: str) -> Transfer:
        """Return a cancelled transfer to the state that it had. Raise Conflict when its bytes are deleted already."""
        cancelled = self._cancelled.pop(transfer_id, None)
        if cancelled is None:
            raise Conflict(
                "It is too late to undo: what was received is deleted. Retry to download it again.",
                code="too_late",
                id=transfer_id,
            )
        before = cancelled.before
        restored = before.changed(state=State.QUEUED if before.state in ACTIVE else before.state)
        refusal = "It was requested again meanwhile: there is nothing to undo."
        await self._downloads.change(restored, [State.CANCELLED], refusal, note="Cancelling was undone.")
        return restored

    async def run(self) -> None:
        """Delete bytes that are due, also those that an earlier process has left. Run until cancelled."""
        await until_recorded(self._delete_leftovers)
        while True:
            self._added.clear()
            now = asyncio.get_running_loop().time()
            for transfer_id in [key for key, entry in self._cancelled.items() if entry.due <= now]:
                await until_recorded(partial(self._delete, transfer_id))
            pauses = [entry.due - now for entry in self._cancelled.values()]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pauses, default=None)):
                    await self._added.wait()

    async def _delete_leftovers(self) -> None:
        for transfer in await self._store.cancelled_with_bytes():
            await self._delete_bytes(transfer, is_installed=False)

    async def _delete(self, transfer_id: str) -> None:
        cancelled = self._cancelled.get(transfer_id)
        if cancelled:
            await self._delete_bytes(cancelled.before, is_installed=cancelled.is_installed)
            self._cancelled.pop(transfer_id, None)

    async def _delete_bytes(self, transfer: Transfer, *, is_installed: bool) -> None:
        async with self._downloads.destination_locks[transfer.destination]:  # once the worker has stopped
            owner = await self._store.newest_for(transfer.folder, transfer.filename)
            if owner and owner.state not in (State.CANCELLED, State.DONE):
                return  # requested again: these bytes are used
            files = PartialFile(self._storage.path_of(transfer.folder, transfer.filename))
            await asyncio.to_thread(files.delete_if_ours)
            if is_installed and not (owner and owner.state == State.DONE):
                await asyncio.to_thread(files.target.unlink, missing_ok=True)
            if owner and owner.state == State.CANCELLED:
                emptied = owner.changed(received=0)
                if await self._store.save(emptied, only_if=[State.CANCELLED]):
                    self._downloads.announce(emptied)
