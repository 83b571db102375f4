"""Whether what is asked for fits on the disk, and what could be freed if it does not."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backend.core.errors import OutOfSpace
from backend.downloads.engine.resume_state import PartialFile
from backend.downloads.models import UNFINISHED, WORKING, Progress, State, Transfer
from backend.downloads.store import TransferStore
from backend.sources.errors import NoSpace
from backend.storage.service import Storage


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """How the disk stands, and how it will once everything has arrived. All sizes in bytes."""

    free: int
    # Of unfinished downloads, paused ones too, as far as their sizes are known.
    to_come: int
    # How many unfinished downloads have no known size.
    sizes_unknown: int
    # What cancelling each stopped download would free; looked up only when room is short.
    leftovers: Mapping[Transfer, int]

    @property
    def short_by(self) -> int:
        return max(0, self.to_come - self.free)


class Room:
    """Free space is what the disk has, less what is still to come for transfers that were asked for before."""

    def __init__(self, store: TransferStore, storage: Storage, progress: Mapping[str, Progress]):
        self._store = store
        self._storage = storage
        self._progress = progress

    async def check(self, sizes: Iterable[int]) -> None:
        """OutOfSpace unless files of these sizes fit."""
        needed = sum(sizes)
        free = await self.free()
        if needed <= free:
            return
        leftovers = await self.leftovers()
        raise OutOfSpace(
            f"This needs {gigabytes(needed)} and {gigabytes(free)} are free. "
            f"Free {gigabytes(needed - free)} and try again. {_advice(leftovers)}",
            needed=needed,
            free=free,
            freeable=sum(leftovers.values()),
            cancel=[transfer.id for transfer in leftovers],
        )

    async def free(self) -> int:
        promised = await self._store.still_to_come(State.QUEUED, State.RETRYING)
        promised += sum(map(self._to_come, await self._store.in_state(*WORKING)))
        return max(0, await self._free_on_disk() - promised)

    async def outlook(self) -> Outlook:
        unfinished = await self._store.in_state(*UNFINISHED)
        free, to_come = await self._free_on_disk(), sum(map(self._to_come, unfinished))
        return Outlook(
            free=free,
            to_come=to_come,
            sizes_unknown=sum(self._size(transfer) is None for transfer in unfinished),
            leftovers=await self.leftovers() if to_come > free else {},
        )

    def check_rest(self, transfer_id: str, remaining: int) -> None:
        """NoSpace unless the rest of a running file fits beside the rest of the other running ones."""
        others = (p for key, p in self._progress.items() if key != transfer_id and p.total)
        promised = sum(max(0, (p.total or 0) - p.received) for p in others)
        free = max(0, self._storage.disk().free - promised)
        if remaining > free:
            raise NoSpace(
                "disk_full",
                f"{gigabytes(remaining)} are still to come and {gigabytes(free)} are free. "
                f"Free {gigabytes(remaining - free)}, then resume.",
            )

    async def leftovers(self) -> dict[Transfer, int]:
        """Stopped downloads that keep bytes on disk: how many cancelling each would free."""
        stopped = await self._store.in_state(State.PAUSED, State.FAILED, State.QUARANTINED)
        sizes = await asyncio.to_thread(lambda: {transfer: self._occupied(transfer) for transfer in stopped})
        return {transfer: size for transfer, size in sizes.items() if size}

    async def _free_on_disk(self) -> int:
        return (await asyncio.to_thread(self._storage.disk)).free

    def _size(self, transfer: Transfer) -> int | None:
        progress = self._progress.get(transfer.id)
        return (progress.total if progress else None) or transfer.bytes

    def _to_come(self, transfer: Transfer) -> int:
        progress = self._progress.get(transfer.id)
        received = progress.received if progress else transfer.received
        return max(0, (self._size(transfer) or 0) - received)

    def _occupied(self, transfer: Transfer) -> int:
        return PartialFile(self._storage.path_of(transfer.folder, transfer.filename)).occupied()


def gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB"


def _advice(leftovers: dict[Transfer, int]) -> str:
    if not leftovers:
        return "Models that you do not use can be deleted on the page Storage."
    names = ", ".join(transfer.filename for transfer in leftovers)
    return f"Cancelling stopped downloads would free {gigabytes(sum(leftovers.values()))}: {names}."
