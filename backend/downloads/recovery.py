"""After a start: what was under way goes on, and unfinished files that nobody knows of are found."""

import asyncio
from pathlib import Path

from backend.core.errors import AppError
from backend.downloads.models import WORKING, Problem, State, Wanted
from backend.downloads.partial import Partial, Receipt, receipts_below
from backend.downloads.service import Downloads
from backend.downloads.store import TransferStore

FOUND = Problem(
    code="found", message="Found on the volume, unfinished. Resume to go on, or cancel to delete it."
)


async def recover(downloads: Downloads, store: TransferStore, models: Path) -> None:
    """Queue what a stop interrupted; adopt partial files that another pod left on the volume."""
    for transfer in await store.in_state(*WORKING):
        receipt = await asyncio.to_thread(Partial(models / transfer.destination).read)
        queued = transfer.changed(
            state=State.QUEUED,
            received=receipt.received if receipt else 0,
            bytes=(receipt.bytes if receipt else None) or transfer.bytes,
        )
        await store.save(queued, only_if=WORKING)
        await store.note(transfer.id, "Interrupted by a stop of the control plane; queued again.")
    for target, receipt in await asyncio.to_thread(receipts_below, models):
        await _adopt(downloads, store, target.relative_to(models), receipt)


async def _adopt(downloads: Downloads, store: TransferStore, place: Path, receipt: Receipt) -> None:
    wanted = Wanted(
        url=receipt.url,
        folder=place.parent.as_posix(),
        filename=place.name,
        sha256=receipt.sha256,
        bytes=receipt.bytes,
        preset=receipt.preset,
    )
    try:
        transfer = await downloads.prepared(wanted)
    except AppError:
        return  # not one of ours, whatever it says
    if await store.newest_for(transfer.folder, transfer.filename) is None:
        found = transfer.changed(state=State.PAUSED, received=receipt.received, problem=FOUND)
        await store.add(found)
        await store.note(found.id, FOUND.message)
        downloads.announce(found)
