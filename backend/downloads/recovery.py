"""After a start: what was under way goes on, and unfinished files that nobody knows of are found."""

import asyncio
from pathlib import Path

from backend.core import clock
from backend.core.database import until_recorded
from backend.core.errors import AppError
from backend.core.names import clean_folder, clean_name
from backend.downloads.engine.resume_state import PartialFile, ResumeState, resume_states_below, strays_below
from backend.downloads.models import (
    NOWHERE,
    WORKING,
    FileRequest,
    Problem,
    State,
    Transfer,
    Verification,
    new_id,
)
from backend.downloads.service import Downloads
from backend.downloads.store import TransferStore

FOUND = Problem(
    code="found", message="Found on the volume, unfinished. Resume to go on, or cancel to delete it."
)


STRAY = Problem(
    code="found",
    message="Found on the volume, unfinished, and nothing tells where it comes from. "
    "Ask for the file again by its address, or cancel to delete these bytes.",
)
ASIDE = Problem(
    code="found",
    message="Found on the volume: content that was put aside because it is not what was promised. "
    "Keep it all the same, or cancel to delete it.",
)

# Between two looks at files that another pod is writing: it may stop for good.
LOOK_SECONDS = 60.0


class Recovery:
    """Runs once, and then for as long as other pods that share the volume are at work."""

    def __init__(self, downloads: Downloads, store: TransferStore, models: Path):
        self._downloads = downloads
        self._store = store
        self._models = models
        self._others_write = False

    async def run(self) -> None:
        """Queue what a stop interrupted; adopt partial files that another pod left on the volume."""
        await until_recorded(self._queue_interrupted)
        await until_recorded(self._adopt_all)

    async def look_again(self) -> None:
        """Until no other pod writes any more."""
        while self._others_write:
            await asyncio.sleep(LOOK_SECONDS)
            await until_recorded(self._adopt_all)

    async def _queue_interrupted(self) -> None:
        for transfer in await self._store.in_state(*WORKING):
            receipt = await asyncio.to_thread(PartialFile(self._models / transfer.destination).read)
            queued = transfer.changed(
                state=State.QUEUED,
                received=receipt.received if receipt else 0,
                bytes=(receipt.bytes if receipt else None) or transfer.bytes,
            )
            await self._store.save(queued, only_if=WORKING)
            await self._store.note(transfer.id, "Interrupted by a stop of the control plane; queued again.")

    async def _adopt_all(self) -> None:
        self._others_write = False
        for target, receipt in await asyncio.to_thread(resume_states_below, self._models):
            if await asyncio.to_thread(PartialFile(target).is_written_elsewhere):
                self._others_write = True
            else:
                await self._adopt(target.relative_to(self._models), receipt)
        for target in await asyncio.to_thread(strays_below, self._models):
            await self._show_stray(target)

    async def _adopt(self, place: Path, receipt: ResumeState) -> None:
        wanted = FileRequest(
            url=receipt.url,
            folder=place.parent.as_posix(),
            filename=place.name,
            sha256=receipt.sha256,
            bytes=receipt.bytes,
            preset=receipt.preset,
        )
        try:
            transfer = await self._downloads.prepared(wanted)
        except AppError:
            return  # not one of ours, whatever it says
        await self._add(transfer.changed(state=State.PAUSED, received=receipt.received, problem=FOUND))

    async def _show_stray(self, target: Path) -> None:
        """Bytes that can be kept or deleted by nobody who does not see them."""
        is_aside = await asyncio.to_thread(PartialFile(target).rejected.exists)
        place = target.relative_to(self._models)
        try:
            folder, filename = clean_folder(place.parent.as_posix()), clean_name(place.name)
        except AppError:
            return  # nothing that we have left
        stray = Transfer(
            id=new_id(),
            url=NOWHERE,
            folder=folder,
            filename=filename,
            state=State.QUARANTINED if is_aside else State.FAILED,
            verification=Verification.MISMATCH if is_aside else None,
            problem=ASIDE if is_aside else STRAY,
            created_at=clock.now(),
            finished_at=clock.now(),
        )
        await self._add(stray)

    async def _add(self, found: Transfer) -> None:
        earlier = await self._store.newest_for(found.folder, found.filename)
        if earlier is None or earlier.state == State.DONE:
            await self._store.add(found)
            if found.problem:
                await self._store.note(found.id, found.problem.message)
            self._downloads.announce(found)
