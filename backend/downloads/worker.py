"""Moves transfers along: a few at the same time, each until it is done or given up."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import structlog

from backend.core import clock
from backend.core.async_tools import run_to_completion
from backend.core.database import until_recorded
from backend.core.errors import CannotRecord
from backend.core.events import EventBus
from backend.downloads.bandwidth import Bandwidth, PolicyChanged
from backend.downloads.engine.fetch import Fetcher
from backend.downloads.models import (
    UNFINISHED,
    WORKING,
    DownloadResult,
    Problem,
    Progress,
    State,
    Transfer,
    TransferChanged,
    Verification,
)
from backend.downloads.progress import ProgressReporter
from backend.downloads.retries import Retries
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
    """Runs for the life of the application."""

    def __init__(
        self,
        downloads: Downloads,
        store: TransferStore,
        fetcher: Fetcher,
        governor: Bandwidth,
        events: EventBus,
        *,
        retries: Retries,
    ):
        self._downloads = downloads
        self._store = store
        self._fetcher = fetcher
        self._governor = governor
        self._events = events
        self._retries = retries
        self._meter = ProgressReporter(downloads.progress, events)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        events.subscribe(TransferChanged, self._on_change)
        events.subscribe(PolicyChanged, lambda _: self._wake.set())

    async def run(self) -> None:
        """Until cancelled. Unfinished transfers keep what has arrived."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._meter.run())
                group.create_task(self._governor.run())
                group.create_task(self._start_transfers())
        finally:
            await self._stop_transfers()

    async def _start_transfers(self) -> None:
        while True:
            self._wake.clear()
            pause = await until_recorded(self._fill_places)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _fill_places(self) -> float | None:
        """Returns how many seconds later the next transfer has waited long enough, if one waits."""
        for transfer in await self._store.queue_due(clock.now()):
            self._events.publish(TransferChanged(transfer=transfer))
        places = self._governor.policy.files_at_once - len(self._tasks)
        for transfer in await self._store.next_queued(places, besides=self._tasks):
            self._start(transfer)
        due = await self._store.next_due()
        return max(0.0, (due - clock.now()).total_seconds()) if due else None

    def _start(self, transfer: Transfer) -> None:
        self._downloads.progress[transfer.id] = Progress(
            received=transfer.received, total=transfer.bytes, moved=self._meter.moved
        )
        task = asyncio.create_task(self._carry(transfer), name=f"transfer {transfer.id}")
        self._tasks[transfer.id] = task
        # A task that is cancelled before its first step runs no `finally` of its own.
        task.add_done_callback(partial(self._ended, transfer.id))

    def _ended(self, transfer_id: str, _task: asyncio.Task[None]) -> None:
        del self._tasks[transfer_id], self._downloads.progress[transfer_id]
        self._wake.set()

    async def _carry(self, queued: Transfer) -> None:
        """One attempt, and what follows from it."""
        transfer = queued.changed(
            state=State.RUNNING, started_at=queued.started_at or clock.now(), retry_at=None, problem=None
        )
        async with self._downloads.alone[transfer.destination]:
            try:
                if await until_recorded(partial(self._begin, transfer)):
                    conclude = await self._outcome(transfer)
                    await until_recorded(conclude)
            except asyncio.CancelledError:
                with contextlib.suppress(CannotRecord):
                    await run_to_completion(self._break_off(transfer))

    async def _begin(self, transfer: Transfer) -> bool:
        begun = await self._store.save(transfer, only_if=[State.QUEUED])
        if begun:
            self._events.publish(TransferChanged(transfer=transfer))
            await self._note(transfer, _started(transfer))
        return begun

    async def _outcome(self, transfer: Transfer) -> Callable[[], Awaitable[None]]:
        """Try, and return what has to be written down. Writing it once more does no harm."""
        try:
            return partial(self._conclude, transfer, await self._attempt(transfer))
        except TransferError as fault:
            return partial(self._conclude_fault, transfer, fault)
        except Exception:
            log.exception("transfer failed in an unexpected way", transfer=transfer.id)
            sentence = "Something broke on our side. The log of the dashboard has more."
            return partial(self._conclude_fault, transfer, PermanentError("internal_error", sentence))

    async def _break_off(self, transfer: Transfer) -> None:
        """A person or the end of the control plane was faster. What has its name already is done all the same."""
        arrived = self._downloads.progress[transfer.id].arrived
        if arrived:
            await self._conclude(transfer, arrived)
        else:
            await self._store.save(self._downloads.so_far(transfer), only_if=WORKING)

    async def _attempt(self, transfer: Transfer) -> DownloadResult:
        """Try the address, then the alternatives, which count only when a hash makes sure they are the same.

        What usually passes is given the usual number of tries first.
        """
        progress = self._downloads.progress[transfer.id]
        addresses = (transfer.url, *transfer.alternatives)
        for address, following in itertools.pairwise(addresses):
            try:
                return await self._fetch(transfer, address)
            except (PermanentError, TemporaryError) as fault:
                tried_enough = isinstance(fault, PermanentError) or transfer.failures >= self._retries.times
                if not tried_enough or progress.promised is None:
                    raise
                transfer = transfer.changed(sha256=progress.promised)
                await self._note(transfer, f"{fault.message} Another address is tried: {following}")
        return await self._fetch(transfer, addresses[-1])

    async def _fetch(self, transfer: Transfer, address: str) -> DownloadResult:
        progress = self._downloads.progress[transfer.id]

        def check_room(remaining: int) -> None:
            self._downloads.room.check_rest(transfer.id, remaining)

        verifying: list[asyncio.Task[None]] = []

        def on_verifying() -> None:
            verifying.append(asyncio.create_task(self._say_verifying(transfer)))

        try:
            return await self._fetcher.fetch(transfer, address, progress, check_room, on_verifying)
        finally:
            await asyncio.gather(*verifying)

    async def _say_verifying(self, transfer: Transfer) -> None:
        with contextlib.suppress(CannotRecord):
            await self._save(self._downloads.so_far(transfer).changed(state=State.VERIFYING))

    async def _conclude(self, transfer: Transfer, arrived: DownloadResult) -> None:
        done = transfer.changed(
            state=State.DONE,
            verification=arrived.verification,
            bytes=arrived.bytes,
            received=arrived.bytes,
            sha256=arrived.sha256,
            failures=0,
            finished_at=clock.now(),
        )
        # Who paused it after the file had its name was too late; who cancelled it gets it deleted.
        if await self._save(done, only_if=UNFINISHED):
            await self._note(transfer, f"Done: {arrived.bytes} bytes, {arrived.verification.value}.")
            log.info(
                "transfer done", transfer=transfer.id, destination=transfer.destination, bytes=arrived.bytes
            )

    async def _conclude_fault(self, transfer: Transfer, fault: TransferError) -> None:
        progress = self._downloads.progress[transfer.id]
        failed = transfer.changed(
            problem=Problem(code=fault.code, message=fault.message),
            # Only failures in a row count: whoever gets on is not given up.
            failures=0 if progress.received > transfer.received else transfer.failures,
            received=progress.received,
            bytes=progress.total or transfer.bytes,
        )
        match fault:
            case TemporaryError() if failed.failures < self._retries.times:
                await self._wait_and_retry(failed, fault)
            case NoSpace():
                await self._pause_for_space(failed, fault)
            case WrongContent():
                await self._stop(
                    failed.changed(
                        state=State.QUARANTINED, verification=Verification.MISMATCH, finished_at=clock.now()
                    )
                )
            case _:
                await self._stop(failed.changed(state=State.FAILED, finished_at=clock.now()))

    async def _stop(self, transfer: Transfer) -> bool:
        """Write and tell why it does not go on, unless a person has decided otherwise meanwhile."""
        problem = transfer.problem
        stopped = await self._save(transfer)
        if stopped and problem:
            log.warning("transfer stopped", transfer=transfer.id, code=problem.code)
            await self._note(transfer, problem.message)
        return stopped

    async def _pause_for_space(self, transfer: Transfer, fault: NoSpace) -> None:
        """When not a byte more can be written, the whole queue waits for a person to free some."""
        await self._stop(transfer.changed(state=State.PAUSED))
        if isinstance(fault, DiskFull):
            await self._downloads.pause_all(transfer.problem)

    async def _wait_and_retry(self, transfer: Transfer, fault: TemporaryError) -> None:
        """Give the place to another transfer while this one waits."""
        failures = transfer.failures + (not isinstance(fault, WrittenElsewhere))
        pause = self._retries.pause_after(failures, fault.wait)
        waiting = transfer.changed(state=State.RETRYING, failures=failures, retry_at=clock.in_seconds(pause))
        if await self._stop(waiting):
            await self._note(transfer, f"Tried again in {pause:.0f} s.")

    async def _save(self, transfer: Transfer, only_if: Iterable[State] = WORKING) -> bool:
        """Write and announce, unless a person has decided otherwise meanwhile."""
        saved = await self._store.save(transfer, only_if=only_if)
        if saved:
            self._events.publish(TransferChanged(transfer=transfer))
        return saved

    async def _note(self, transfer: Transfer, message: str) -> None:
        """A line in its log; where none can be written it is not worth waiting for."""
        with contextlib.suppress(CannotRecord):
            await self._store.note(transfer.id, message)

    def _on_change(self, news: TransferChanged) -> None:
        task = self._tasks.get(news.transfer.id)
        # Only these come from people. That it was queued may be told when it runs already.
        if (
            task
            and task is not asyncio.current_task()
            and news.transfer.state in (State.PAUSED, State.CANCELLED)
        ):
            task.cancel()
        self._wake.set()

    async def _stop_transfers(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _started(transfer: Transfer) -> str:
    return f"Goes on after {transfer.received} bytes." if transfer.received else "Started."
