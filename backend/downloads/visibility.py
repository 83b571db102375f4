"""Finds out whether ComfyUI lists downloaded files."""

import asyncio
import contextlib

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError
from backend.core.async_tools import cancel_and_wait
from backend.core.errors import CannotRecord
from backend.core.events import EventBus
from backend.downloads.models import State, Transfer, TransferChanged
from backend.downloads.store import TransferStore


class Visibility:
    """Asks ComfyUI about each downloaded file and records the answer."""

    def __init__(self, store: TransferStore, comfy: ComfyClient, events: EventBus):
        self._store = store
        self._comfy = comfy
        self._events = events
        self._tasks: set[asyncio.Task[None]] = set()
        events.subscribe(TransferChanged, self._on_change)

    async def close(self) -> None:
        await cancel_and_wait(*self._tasks)

    def _on_change(self, event: TransferChanged) -> None:
        if event.transfer.state == State.DONE and event.transfer.seen_by_comfyui is None:
            task = asyncio.create_task(self._check(event.transfer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _check(self, transfer: Transfer) -> None:
        """Record whether ComfyUI lists the file. Without a running ComfyUI, nothing is recorded."""
        with contextlib.suppress(ComfyError, CannotRecord):
            seen = await self._comfy.models.offers(transfer.folder, transfer.filename)
            checked = transfer.changed(seen_by_comfyui=seen)
            if await self._store.save(checked, only_if=[State.DONE]):
                self._events.publish(TransferChanged(transfer=checked))
