"""After a start: continues interrupted transfers, and finds those of earlier pods on the volume."""

import asyncio
from pathlib import Path

from backend.core import clock
from backend.core.database import until_recorded
from backend.core.errors import AppError
from backend.core.names import clean_folder, clean_name
from backend.downloads.destinations import is_installed
from backend.downloads.engine.models import Verification
from backend.downloads.engine.resume_state import (
    PartialFile,
    ResumeState,
    orphaned_parts_below,
    resume_states_below,
)
from backend.downloads.models import (
    UNKNOWN_URL,
    WORKING,
    FileRequest,
    Problem,
    State,
    Transfer,
    new_id,
)
from backend.downloads.saved_queue import SavedQueue
from backend.downloads.service import Downloads
from backend.downloads.store import TransferStore
from backend.storage.service import Storage

UNFINISHED_FILE = Problem(
    code="found", message="Found unfinished on the volume. Resume it, or cancel to delete it."
)
QUEUED_EARLIER = Problem(
    code="found", message="Queued by an earlier pod and not started. Resume it, or cancel it."
)
UNKNOWN_SOURCE = Problem(
    code="found",
    message="Found unfinished on the volume, and its source is unknown. "
    "Request the file again by its URL, or cancel to delete these bytes.",
)
QUARANTINED_FILE = Problem(
    code="found",
    message="Found in quarantine on the volume: its content is not the expected one. "
    "Keep it anyway, or cancel to delete it.",
)

# Between two checks whether another pod still writes: it may stop for good.
CHECK_SECONDS = 60.0


class Recovery:
    """Runs once after the start, and again while other pods that share the volume are active."""

    def __init__(self, downloads: Downloads, store: TransferStore, storage: Storage, queue: SavedQueue):
        self._downloads = downloads
        self._store = store
        self._storage = storage
        self._models = storage.models
        self._queue = queue
        self._others_active = False

    async def run(self) -> None:
        """Queue interrupted transfers, and add the transfers that earlier pods left on the volume."""
        await until_recorded(self._queue_interrupted)
        await until_recorded(self._add_from_volume)

    async def repeat(self) -> None:
        """Check the volume again until no other pod is active."""
        while self._others_active:
            await asyncio.sleep(CHECK_SECONDS)
            await until_recorded(self._add_from_volume)

    async def _queue_interrupted(self) -> None:
        for transfer in await self._store.in_state(*WORKING):
            state = await asyncio.to_thread(PartialFile(self._models / transfer.destination).read)
            queued = transfer.changed(
                state=State.QUEUED,
                received=state.received if state else 0,
                bytes=(state.bytes if state else None) or transfer.bytes,
            )
            note = "Interrupted by a stop of the control plane; queued again."
            await self._store.save(queued, only_if=WORKING, note=note)

    async def _add_from_volume(self) -> None:
        self._others_active = False
        for saved in await asyncio.to_thread(self._queue.read_all):
            if saved.active_elsewhere:
                self._others_active = True
                continue
            for request in saved.requests:
                await self._add_queued(request)
            await asyncio.to_thread(self._queue.delete, saved)
        for target, state in await asyncio.to_thread(resume_states_below, self._models):
            if await asyncio.to_thread(PartialFile(target).is_written_elsewhere):
                self._others_active = True
            else:
                await self._add_partial(target.relative_to(self._models), state)
        for target in await asyncio.to_thread(orphaned_parts_below, self._models):
            await self._add_orphan(target)

    async def _add_queued(self, request: FileRequest) -> None:
        try:
            transfer = await self._downloads.prepare(request)
            if await is_installed(self._storage, transfer.folder, transfer.filename):
                return
        except AppError:
            return  # not written by us
        partial = PartialFile(self._models / transfer.destination)
        if await asyncio.to_thread(partial.is_written_elsewhere):
            return
        state = await asyncio.to_thread(partial.read)
        problem = UNFINISHED_FILE if state else QUEUED_EARLIER
        if await self._store.newest_for(transfer.folder, transfer.filename) is None:
            await self._add(transfer, received=state.received if state else 0, problem=problem)

    async def _add_partial(self, place: Path, state: ResumeState) -> None:
        request = FileRequest(
            url=state.url,
            folder=place.parent.as_posix(),
            filename=place.name,
            sha256=state.sha256,
            bytes=state.bytes,
            preset=state.preset,
        )
        try:
            transfer = await self._downloads.prepare(request)
        except AppError:
            return  # not written by us
        existing = await self._store.newest_for(transfer.folder, transfer.filename)
        if existing is None or existing.state == State.DONE:
            await self._add(transfer, received=state.received, problem=UNFINISHED_FILE)

    async def _add_orphan(self, target: Path) -> None:
        """Add bytes without a resume state, so that a user can see, keep or delete them."""
        quarantined = await asyncio.to_thread(PartialFile(target).quarantined.exists)
        place = target.relative_to(self._models)
        try:
            folder, filename = clean_folder(place.parent.as_posix()), clean_name(place.name)
        except AppError:
            return  # not written by us
        existing = await self._store.newest_for(folder, filename)
        if existing is not None and existing.state != State.DONE:
            return
        problem = QUARANTINED_FILE if quarantined else UNKNOWN_SOURCE
        orphan = Transfer(
            id=new_id(),
            url=UNKNOWN_URL,
            folder=folder,
            filename=filename,
            state=State.QUARANTINED if quarantined else State.FAILED,
            verification=Verification.MISMATCH if quarantined else None,
            problem=problem,
            created_at=clock.now(),
            finished_at=clock.now(),
        )
        if await self._store.add(orphan, problem.message):
            self._downloads.announce(orphan)

    async def _add(self, transfer: Transfer, received: int, problem: Problem) -> None:
        paused = transfer.changed(state=State.PAUSED, received=received, problem=problem)
        if await self._store.add(paused, problem.message):
            self._downloads.announce(paused)
