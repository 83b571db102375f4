"""Queues jobs again, or blocks them, when the transfers end that they wait for."""

import asyncio
from collections.abc import Iterable
from functools import partial

from backend.core.database import until_recorded
from backend.core.errors import NotFound
from backend.core.events import EventBus
from backend.downloads.models import State, Transfer, TransferChanged, TransfersChanged
from backend.downloads.service import Downloads
from backend.downloads.transfer_start import TransferStart
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.models import JobChanged, JobState

STOPPED = frozenset({State.FAILED, State.CANCELLED, State.QUARANTINED})
ENDED = STOPPED | {State.DONE}


class DownloadWatch:
    """Looks at a transfer when it changes, and when a job begins to wait for it: one of the two comes last."""

    def __init__(self, lifecycle: Lifecycle, downloads: Downloads, start: TransferStart, events: EventBus):
        self._lifecycle = lifecycle
        self._downloads = downloads
        self._start = start
        self._ids: set[str] = set()
        self._changed = asyncio.Event()
        events.subscribe(JobChanged, self._note_job)
        events.subscribe(TransferChanged, lambda event: self._note([event.transfer]))
        events.subscribe(TransfersChanged, lambda event: self._note(event.transfers))

    async def run(self) -> None:
        """Run until cancelled."""
        # The queue of the last run, or of the pod before, has to be complete first.
        await self._start.recovered.wait()
        self._look_at(await self._lifecycle.downloads_awaited())
        while True:
            await self._changed.wait()
            self._changed.clear()
            ids, self._ids = self._ids, set()
            ends = [(transfer_id, await self._end_of(transfer_id)) for transfer_id in ids]
            done = frozenset(transfer_id for transfer_id, end in ends if end == "")
            stopped = {transfer_id: end for transfer_id, end in ends if end}
            if done or stopped:
                await until_recorded(partial(self._lifecycle.downloads_ended, done, stopped))

    async def _end_of(self, transfer_id: str) -> str | None:
        """Return why the transfer has stopped, nothing when it is done, None while it goes on."""
        try:
            transfer = await self._downloads.get(transfer_id)
        except NotFound:  # removed from the history: ComfyUI says whether the file is there
            return ""
        if transfer.state not in ENDED:
            return None
        return _reason(transfer) if transfer.state in STOPPED else ""

    def _note_job(self, event: JobChanged) -> None:
        if event.job.state == JobState.WAITING:
            self._look_at(event.job.downloads)

    def _note(self, transfers: Iterable[Transfer]) -> None:
        self._look_at(transfer.id for transfer in transfers if transfer.state in ENDED)

    def _look_at(self, ids: Iterable[str]) -> None:
        self._ids.update(ids)
        if self._ids:
            self._changed.set()


def _reason(transfer: Transfer) -> str:
    why = transfer.problem.message if transfer.problem else f"The download is {transfer.state}."
    return f"{transfer.destination} is missing. {why} Retry the job to download it again."
