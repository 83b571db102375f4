"""Checks that requested files fit on the disk, and finds what could be freed if they do not."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backend.core.errors import OutOfSpace
from backend.core.formatting import format_bytes
from backend.downloads.engine.models import Progress
from backend.downloads.engine.resume_state import PartialFile
from backend.downloads.models import UNFINISHED, WORKING, State, Transfer
from backend.downloads.store import TransferStore
from backend.sources.errors import NoSpace
from backend.storage.service import Storage


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The free space now, and what unfinished downloads still need. All sizes in bytes."""

    free: int
    # Of unfinished downloads, also paused ones, as far as their sizes are known.
    missing: int
    # How many unfinished downloads have no known size.
    unknown_sizes: int
    # What cancelling each stopped download would free. Determined only when space is short.
    freeable: Mapping[Transfer, int]

    @property
    def short_by(self) -> int:
        return max(0, self.missing - self.free)


class DiskSpace:
    """The free space of the disk, minus what transfers that were requested earlier still need."""

    def __init__(self, store: TransferStore, storage: Storage, progress: Mapping[str, Progress]):
        self._store = store
        self._storage = storage
        self._progress = progress

    async def check(self, sizes: Iterable[int]) -> None:
        """Raise OutOfSpace unless files of these sizes fit."""
        needed = sum(sizes)
        free = await self.free()
        if needed <= free:
            return
        freeable = await self.freeable()
        raise OutOfSpace(
            f"This needs {format_bytes(needed)} and {format_bytes(free)} are free. "
            f"Free {format_bytes(needed - free)} and try again. {_advice(freeable)}",
            needed=needed,
            free=free,
            freeable=sum(freeable.values()),
            cancel=[transfer.id for transfer in freeable],
        )

    async def free(self) -> int:
        """Return the bytes that are free for new downloads."""
        reserved = await self._store.missing_bytes(State.QUEUED, State.RETRYING)
        reserved += sum(map(self._missing, await self._store.in_state(*WORKING)))
        return max(0, await self._free_on_disk() - reserved)

    async def forecast(self) -> Forecast:
        unfinished = await self._store.in_state(*UNFINISHED)
        free, missing = await self._free_on_disk(), sum(map(self._missing, unfinished))
        return Forecast(
            free=free,
            missing=missing,
            unknown_sizes=sum(self._size(transfer) is None for transfer in unfinished),
            freeable=await self.freeable() if missing > free else {},
        )

    def check_running(self, transfer_id: str, missing: int) -> None:
        """Raise NoSpace unless the rest of a running file fits beside the rest of the other running ones."""
        others = (p for key, p in self._progress.items() if key != transfer_id and p.total)
        reserved = sum(max(0, (p.total or 0) - p.received) for p in others)
        free = max(0, self._storage.disk().free - reserved)
        if missing > free:
            raise NoSpace(
                "disk_full",
                f"{format_bytes(missing)} are still missing and {format_bytes(free)} are free. "
                f"Free {format_bytes(missing - free)}, then resume.",
            )

    async def freeable(self) -> dict[Transfer, int]:
        """Return how many bytes on disk cancelling each stopped download would free."""
        stopped = await self._store.in_state(State.PAUSED, State.FAILED, State.QUARANTINED)
        sizes = await asyncio.to_thread(lambda: {transfer: self._on_disk(transfer) for transfer in stopped})
        return {transfer: size for transfer, size in sizes.items() if size}

    async def _free_on_disk(self) -> int:
        return (await asyncio.to_thread(self._storage.disk)).free

    def _size(self, transfer: Transfer) -> int | None:
        progress = self._progress.get(transfer.id)
        return (progress.total if progress else None) or transfer.bytes

    def _missing(self, transfer: Transfer) -> int:
        progress = self._progress.get(transfer.id)
        received = progress.received if progress else transfer.received
        return max(0, (self._size(transfer) or 0) - received)

    def _on_disk(self, transfer: Transfer) -> int:
        return PartialFile(self._storage.path_of(transfer.folder, transfer.filename)).disk_bytes()


def _advice(freeable: dict[Transfer, int]) -> str:
    if not freeable:
        return "Delete models that you do not use on the page Storage."
    names = ", ".join(transfer.filename for transfer in freeable)
    return f"Cancelling stopped downloads would free {format_bytes(sum(freeable.values()))}: {names}."
