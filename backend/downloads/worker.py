"""Runs transfers: a few at the same time, each until it is done or stopped."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import structlog

from backend.core import clock
from backend.core.async_tools import cancel_and_wait, run_to_completion
from backend.core.database import until_recorded
from backend.core.errors import CannotRecord
from backend.core.events import EventBus
from backend.downloads.bandwidth import Bandwidth, PolicyChanged
from backend.downloads.engine.models import DownloadResult, Progress, Verification
from backend.downloads.fetching import TransferFetcher
from backend.downloads.models import (
    UNFINISHED,
    WORKING,
    Problem,
    State,
    Transfer,
    TransferChanged,
    TransfersChanged,
)
from backend.downloads.progress import ProgressReporter
from backend.downloads.retry_pauses import RetryPauses
from backend.downloads.service import Downloads
from backend.downloads.store import TransferStore
from backend.sources.errors import (
    DiskFull,
    NoSpace,
    PermanentError,
    TemporaryError,
    TransferError,
    WrittenElsewhere,
    WrongContent,
)

log = structlog.get_logger(__name__)


class Worker:
    """Starts queued transfers as long as the control plane runs."""

    def __init__(
        self,
        downloads: Downloads,
        store: TransferStore,
        fetcher: TransferFetcher,
        bandwidth: Bandwidth,
        events: EventBus,
        *,
        retries: RetryPauses,
    ):
        self._downloads = downloads
        self._store = store
        self._fetcher = fetcher
        self._bandwidth = bandwidth
        self._events = events
        self._retries = retries
        self._reporter = ProgressReporter(downloads.progress, events)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # When transfers may be retried, on the event loop's clock: the clock of the machine may be set back.
        self._retry_times: dict[str, float] = {}
        self._wake = asyncio.Event()
        events.subscribe(TransferChanged, lambda event: self._on_change((event.transfer,)))
        events.subscribe(TransfersChanged, lambda event: self._on_change(event.transfers))
        events.subscribe(PolicyChanged, lambda _: self._wake.set())

    async def run(self) -> None:
        """Run until cancelled. Unfinished transfers keep what was received."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._reporter.run())
                group.create_task(self._bandwidth.run())
                group.create_task(self._start_transfers())
        finally:
            await cancel_and_wait(*self._tasks.values())

    async def _start_transfers(self) -> None:
        while True:
            self._wake.clear()
            pause = await until_recorded(self._start_queued)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _start_queued(self) -> float | None:
        """Start what may run now. Return the seconds until the next retry is due, if one is waiting."""
        pause = await self._queue_due_retries()
        slots = self._bandwidth.policy.files_at_once - len(self._tasks)
        for transfer in await self._store.next_queued(slots, self._tasks.keys()):
            self._start(transfer)
        return pause

    async def _queue_due_retries(self) -> float | None:
        now, wall_clock = asyncio.get_running_loop().time(), clock.now()
        retrying = await self._store.retrying()
        self._retry_times = {
            key: self._retry_times.get(key, now + self._retries.limited((due - wall_clock).total_seconds()))
            for key, due in retrying.items()
        }
        due = [key for key, time in self._retry_times.items() if time <= now]
        for transfer in await self._store.queue_for_retry(due) if due else []:
            self._events.publish(TransferChanged(transfer=transfer))
        waiting = [time - now for time in self._retry_times.values() if time > now]
        return min(waiting, default=None)

    def _start(self, transfer: Transfer) -> None:
        self._downloads.progress[transfer.id] = Progress(
            received=transfer.received, total=transfer.bytes, changed=self._reporter.changed
        )
        task = asyncio.create_task(self._run(transfer), name=f"transfer {transfer.id}")
        self._tasks[transfer.id] = task
        # A task that is cancelled before its first step runs no `finally` of its own.
        task.add_done_callback(partial(self._on_end, transfer.id))

    def _on_end(self, transfer_id: str, _task: asyncio.Task[None]) -> None:
        del self._tasks[transfer_id], self._downloads.progress[transfer_id]
        self._wake.set()

    async def _run(self, queued: Transfer) -> None:
        """Make one attempt and record its outcome."""
        transfer = queued.changed(
            state=State.RUNNING, started_at=queued.started_at or clock.now(), retry_at=None, problem=None
        )
        progress = self._downloads.progress[transfer.id]
        async with self._downloads.destination_locks[transfer.destination]:
            try:
                if not await until_recorded(partial(self._record_start, transfer)):
                    return
                conclude: Callable[[], Awaitable[None]]
                try:
                    result = await self._fetcher.fetch(
                        transfer, progress, partial(self._record_verifying, transfer)
                    )
                    conclude = partial(self._conclude, transfer, result)
                except TransferError as error:
                    conclude = partial(self._conclude_error, transfer, error)
                except Exception:
                    log.exception("unexpected error in a transfer", transfer=transfer.id)
                    message = "An unexpected error occurred. The log of the dashboard has the details."
                    conclude = partial(
                        self._conclude_error, transfer, PermanentError("internal_error", message)
                    )
                await until_recorded(conclude)
            except asyncio.CancelledError:
                with contextlib.suppress(CannotRecord):
                    await run_to_completion(self._record_interruption(transfer))

    async def _record_start(self, transfer: Transfer) -> bool:
        note = f"Resumed at {transfer.received} bytes." if transfer.received else "Started."
        return await self._save(transfer, only_if=[State.QUEUED], note=note)

    async def _record_verifying(self, transfer: Transfer) -> None:
        with contextlib.suppress(CannotRecord):
            await self._save(self._downloads.with_progress(transfer).changed(state=State.VERIFYING))

    async def _record_interruption(self, transfer: Transfer) -> None:
        """Record how far a cancelled transfer came. A file that has its final name already is done."""
        result = self._downloads.progress[transfer.id].result
        if result:
            await self._conclude(transfer, result)
        else:
            await self._store.save(self._downloads.with_progress(transfer), only_if=WORKING)

    async def _conclude(self, transfer: Transfer, result: DownloadResult) -> None:
        done = transfer.changed(
            state=State.DONE,
            verification=result.verification,
            bytes=result.bytes,
            received=result.bytes,
            sha256=result.sha256,
            failures=0,
            finished_at=clock.now(),
        )
        # A pause after the file got its name is too late; a cancellation deletes the file afterwards.
        note = f"Done: {result.bytes} bytes, {result.verification.value}."
        if await self._save(done, only_if=UNFINISHED, note=note):
            log.info(
                "transfer done", transfer=transfer.id, destination=transfer.destination, bytes=result.bytes
            )

    async def _conclude_error(self, transfer: Transfer, error: TransferError) -> None:
        progress = self._downloads.progress[transfer.id]
        failed = transfer.changed(
            problem=Problem(code=error.code, message=error.message),
            # Only failures in a row count: a transfer that receives bytes is not given up.
            failures=0 if progress.received > transfer.received else transfer.failures,
            received=progress.received,
            bytes=progress.total or transfer.bytes,
        )
        match error:
            case TemporaryError() if failed.failures < self._retries.times:
                await self._retry_later(failed, error)
            case NoSpace():
                await self._pause_for_space(failed, error)
            case WrongContent():
                quarantined = failed.changed(state=State.QUARANTINED, verification=Verification.MISMATCH)
                await self._stop(quarantined.changed(finished_at=clock.now()), error.message)
            case _:
                await self._stop(failed.changed(state=State.FAILED, finished_at=clock.now()), error.message)

    async def _stop(self, transfer: Transfer, note: str) -> bool:
        """Record why a transfer does not continue, unless a user has changed it meanwhile."""
        stopped = await self._save(transfer, note=note)
        if stopped and transfer.problem:
            log.warning("transfer stopped", transfer=transfer.id, code=transfer.problem.code)
        return stopped

    async def _pause_for_space(self, transfer: Transfer, error: NoSpace) -> None:
        """Pause the transfer, or the whole queue when the disk accepts no more bytes."""
        await self._stop(transfer.changed(state=State.PAUSED), error.message)
        if isinstance(error, DiskFull):
            await self._downloads.pause_all(transfer.problem)

    async def _retry_later(self, transfer: Transfer, error: TemporaryError) -> None:
        """Let another transfer run while this one waits."""
        failures = transfer.failures + (not isinstance(error, WrittenElsewhere))
        pause = self._retries.pause_after(failures, error.wait)
        self._retry_times[transfer.id] = asyncio.get_running_loop().time() + pause
        retrying = transfer.changed(state=State.RETRYING, failures=failures, retry_at=clock.in_seconds(pause))
        await self._stop(retrying, f"{error.message} Next try in {pause:.0f} s.")

    async def _save(
        self, transfer: Transfer, only_if: Iterable[State] = WORKING, note: str | None = None
    ) -> bool:
        """Write and publish the record, unless a user has changed it meanwhile."""
        saved = await self._store.save(transfer, only_if=only_if, note=note)
        if saved:
            self._events.publish(TransferChanged(transfer=transfer))
        return saved

    def _on_change(self, transfers: Iterable[Transfer]) -> None:
        for transfer in transfers:
            task = self._tasks.get(transfer.id)
            # Only users cause these states, and the worker itself when the disk is full.
            stopped = transfer.state in (State.PAUSED, State.CANCELLED)
            if task and stopped and task is not asyncio.current_task():
                task.cancel()
        self._wake.set()
