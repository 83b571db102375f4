"""Puts queued transfers into another order."""

from collections.abc import Sequence

from backend.core.errors import Conflict
from backend.core.events import EventBus
from backend.downloads.models import UNFINISHED, QueueChanged, Transfer
from backend.downloads.service import Downloads
from backend.downloads.store import TransferStore

# Positions are halved with every transfer that is put between two others; below this they are counted anew.
SMALLEST_GAP = 1e-6


class Ordering:
    """The order in which transfers start. Running ones continue, wherever they stand."""

    def __init__(self, downloads: Downloads, store: TransferStore, events: EventBus):
        self._downloads = downloads
        self._store = store
        self._events = events

    async def place_before(self, ids: Sequence[str], other_id: str) -> None:
        """Put transfers, in the order given, just before another one."""
        await self._place(ids, other_id, after=False)

    async def place_after(self, ids: Sequence[str], other_id: str) -> None:
        """Put transfers, in the order given, just after another one."""
        await self._place(ids, other_id, after=True)

    async def _place(self, ids: Sequence[str], other_id: str, *, after: bool) -> None:
        moved = [transfer_id for transfer_id in dict.fromkeys(ids) if transfer_id != other_id]
        for transfer_id in (*moved, other_id):
            _check_unfinished(await self._downloads.get(transfer_id))
        async with self._store.transaction():
            low, high = await self._store.gap_beside(other_id, moved, after=after)
            if high - low < SMALLEST_GAP * (len(moved) + 1):
                await self._store.renumber()
                low, high = await self._store.gap_beside(other_id, moved, after=after)
            step = (high - low) / (len(moved) + 1)
            for number, transfer_id in enumerate(moved, start=1):
                await self._store.set_position(transfer_id, low + step * number)
        self._events.publish(QueueChanged())


def _check_unfinished(transfer: Transfer) -> None:
    if transfer.state not in UNFINISHED:
        raise Conflict(
            f"{transfer.filename} is {transfer.state.value} now, so it has no place in the queue.",
            code="wrong_state",
            id=transfer.id,
        )
