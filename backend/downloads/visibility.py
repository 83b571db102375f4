"""Done means that ComfyUI offers the file."""

import asyncio
import contextlib

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError
from backend.core.errors import CannotRecord
from backend.core.events import EventBus
from backend.downloads.models import State, Transfer, TransferChanged
from backend.downloads.store import TransferStore


class Visibility:
    """Asks ComfyUI about each file that has come to its place, and notes the answer."""

    def __init__(self, store: TransferStore, comfy: ComfyClient, events: EventBus):
        self._store = store
        self._comfy = comfy
        self._events = events
        self._questions: set[asyncio.Task[None]] = set()
        events.subscribe(TransferChanged, self._on_change)

    async def close(self) -> None:
        for question in self._questions:
            question.cancel()
        await asyncio.gather(*self._questions, return_exceptions=True)

    def _on_change(self, news: TransferChanged) -> None:
        if news.transfer.state == State.DONE and news.transfer.seen_by_comfyui is None:
            question = asyncio.create_task(self._ask(news.transfer))
            self._questions.add(question)
            question.add_done_callback(self._questions.discard)

    async def _ask(self, transfer: Transfer) -> None:
        """Where no ComfyUI runs, nothing is claimed."""
        with contextlib.suppress(ComfyError, CannotRecord):
            seen = await self._comfy.models.offers(transfer.folder, transfer.filename)
            asked = transfer.changed(seen_by_comfyui=seen)
            if await self._store.save(asked, only_if=[State.DONE]):
                self._events.publish(TransferChanged(transfer=asked))
