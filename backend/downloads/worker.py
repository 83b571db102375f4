"""Moves transfers along: a few at the same time, each until it is done or given up."""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass

import structlog

from backend.core import clock
from backend.core.events import EventBus
from backend.downloads.faults import LastingFault, NoSpace, PassingFault, TransferFault, WrongContent
from backend.downloads.fetch import Arrived, Fetcher
from backend.downloads.models import (
    Problem,
    Progress,
    ProgressMade,
    State,
    Transfer,
    TransferChanged,
    Verification,
)
from backend.downloads.service import Downloads
from backend.downloads.store import TransferStore
from backend.storage.service import Storage

log = structlog.get_logger(__name__)

WORKING = (State.RUNNING, State.VERIFYING)
TICK_SECONDS = 0.25
SPEED_SECONDS = 3.0  # how far back the shown speed looks


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often and after which pauses a passing fault is tried again."""

    times: int = 3
    first_pause: float = 2.0
    factor: float = 4.0
    longest_pause: float = 300.0

    def pause_after(self, failures: int, asked: float | None) -> float:
        """Seconds before the next try. `asked` is what the server wants; jitter keeps pods from coming together."""
        grown = self.first_pause * self.factor ** (failures - 1) * random.uniform(0.75, 1.25)  # noqa: S311
        return min(max(grown, asked or 0.0), self.longest_pause)


class Worker:
    """Runs for the life of the application."""

    def __init__(
        self,
        downloads: Downloads,
        store: TransferStore,
        storage: Storage,
        fetcher: Fetcher,
        events: EventBus,
        *,
        places: int,
        retries: Retries,
    ):
        self._downloads = downloads
        self._store = store
        self._storage = storage
        self._fetcher = fetcher
        self._events = events
        self._places = places
        self._retries = retries
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._destinations: set[str] = set()
        self._timers: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        events.subscribe(TransferChanged, self._on_change)

    async def run(self) -> None:
        """Until cancelled. Unfinished transfers keep what has arrived."""
        await self._downloads.recover()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._report_progress())
                group.create_task(self._start_transfers())
        finally:
            await self._stop_transfers()

    async def _start_transfers(self) -> None:
        while True:
            self._wake.clear()
            await self._fill_places()
            await self._wake.wait()

    async def _fill_places(self) -> None:
        for transfer in await self._store.in_state(State.QUEUED):
            if len(self._tasks) >= self._places:
                return
            if transfer.destination not in self._destinations:
                await self._start(transfer)

    async def _start(self, transfer: Transfer) -> None:
        running = transfer.changed(
            state=State.RUNNING, started_at=transfer.started_at or clock.now(), retry_at=None, problem=None
        )
        if not await self._store.save(running, only_if=[State.QUEUED]):
            return
        self._downloads.progress[running.id] = Progress(received=running.received, total=running.bytes)
        self._destinations.add(running.destination)
        task = asyncio.create_task(self._carry(running), name=f"transfer {running.id}")
        self._tasks[running.id] = task
        self._events.publish(TransferChanged(transfer=running))

    async def _carry(self, transfer: Transfer) -> None:
        """One attempt, and what follows from it."""
        try:
            await self._conclude(transfer, await self._attempt(transfer))
        except TransferFault as fault:
            await self._conclude_fault(transfer, fault)
        except asyncio.CancelledError:
            await asyncio.shield(self._clean_up_after_cancel(transfer))
        except Exception:
            log.exception("transfer failed in an unexpected way", transfer=transfer.id)
            sentence = "Something broke on our side. The log of the dashboard has more."
            await self._conclude_fault(transfer, LastingFault("internal_error", sentence))
        finally:
            self._downloads.progress.pop(transfer.id, None)
            self._tasks.pop(transfer.id, None)
            self._destinations.discard(transfer.destination)
            self._wake.set()

    async def _attempt(self, transfer: Transfer) -> Arrived:
        """Try the address, then the alternatives, which count only when a hash makes sure they are the same."""
        addresses = (transfer.url, *(transfer.alternatives if transfer.sha256 else ()))
        for address in addresses[:-1]:
            with contextlib.suppress(LastingFault):
                return await self._fetch(transfer, address)
        return await self._fetch(transfer, addresses[-1])

    async def _fetch(self, transfer: Transfer, address: str) -> Arrived:
        progress = self._downloads.progress[transfer.id]

        def check_room(remaining: int) -> None:
            self._check_room(transfer.id, remaining)

        verifying: list[asyncio.Task[bool]] = []

        def on_verifying() -> None:
            verifying.append(asyncio.create_task(self._save(transfer.changed(state=State.VERIFYING))))

        try:
            return await self._fetcher.fetch(transfer, address, progress, check_room, on_verifying)
        finally:
            await asyncio.gather(*verifying)

    def _check_room(self, transfer_id: str, remaining: int) -> None:
        """NoSpace unless the rest of this file fits beside the rest of the other running ones."""
        others = (p for key, p in self._downloads.progress.items() if key != transfer_id and p.total)
        promised = sum(max(0, (p.total or 0) - p.received) for p in others)
        free = self._storage.disk().free - promised
        if remaining > free:
            raise NoSpace(
                "disk_full",
                f"{remaining / 1e9:.2f} GB are still to come and {max(0, free) / 1e9:.2f} GB are free. "
                f"Free {(remaining - free) / 1e9:.2f} GB, then resume.",
            )

    async def _conclude(self, transfer: Transfer, arrived: Arrived) -> None:
        await self._storage.remember(transfer.folder, transfer.filename, arrived.sha256)
        await self._save(
            transfer.changed(
                state=State.DONE,
                verification=arrived.verification,
                bytes=arrived.bytes,
                received=arrived.bytes,
                sha256=arrived.sha256,
                failures=0,
                finished_at=clock.now(),
            )
        )
        log.info("transfer done", transfer=transfer.id, destination=transfer.destination, bytes=arrived.bytes)

    async def _conclude_fault(self, transfer: Transfer, fault: TransferFault) -> None:
        progress = self._downloads.progress[transfer.id]
        problem = Problem(code=fault.code, message=fault.message)
        failed = transfer.changed(
            problem=problem, received=progress.received, bytes=progress.total or transfer.bytes
        )
        log.warning("transfer stopped", transfer=transfer.id, code=fault.code)
        match fault:
            case PassingFault() if transfer.failures < self._retries.times:
                await self._wait_and_retry(failed, fault.wait)
            case NoSpace():
                await self._save(failed.changed(state=State.PAUSED))
            case WrongContent():
                await self._save(
                    failed.changed(
                        state=State.QUARANTINED, verification=Verification.MISMATCH, finished_at=clock.now()
                    )
                )
            case _:
                await self._save(failed.changed(state=State.FAILED, finished_at=clock.now()))

    async def _wait_and_retry(self, transfer: Transfer, asked: float | None) -> None:
        """Give the place to another transfer while this one waits."""
        failures = transfer.failures + 1
        pause = self._retries.pause_after(failures, asked)
        waiting = transfer.changed(state=State.WAITING, failures=failures, retry_at=clock.in_seconds(pause))
        if await self._save(waiting):
            timer = asyncio.create_task(self._queue_when_due(waiting, pause))
            self._timers.add(timer)
            timer.add_done_callback(self._timers.discard)

    async def _save(self, transfer: Transfer) -> bool:
        """Write and announce, unless a person has decided otherwise meanwhile."""
        saved = await self._store.save(transfer, only_if=WORKING)
        if saved:
            self._events.publish(TransferChanged(transfer=transfer))
        return saved

    async def _clean_up_after_cancel(self, transfer: Transfer) -> None:
        current = await self._store.get(transfer.id)
        if current and current.state == State.CANCELLED:
            await asyncio.to_thread(self._fetcher.partial_of(transfer).discard)

    async def _queue_when_due(self, transfer: Transfer, pause: float) -> None:
        await asyncio.sleep(pause)
        queued = transfer.changed(state=State.QUEUED, retry_at=None)
        if await self._store.save(queued, only_if=[State.WAITING]):
            self._events.publish(TransferChanged(transfer=queued))

    def _on_change(self, news: TransferChanged) -> None:
        transfer = news.transfer
        task = self._tasks.get(transfer.id)
        if task and task is not asyncio.current_task() and transfer.state not in WORKING:
            task.cancel()
        self._wake.set()

    async def _report_progress(self) -> None:
        """Measure speeds and tell, a few times a second, while anything is running."""
        seen: dict[str, int] = {}
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            self._measure(seen, now - last)
            last = now

    def _measure(self, seen: dict[str, int], elapsed: float) -> None:
        progress = self._downloads.progress
        weight = min(1.0, elapsed / SPEED_SECONDS)
        for key, current in progress.items():
            arrived = max(0, current.received - seen.get(key, current.received))
            current.speed += weight * (arrived / elapsed - current.speed)
        moved = tuple(key for key, current in progress.items() if seen.get(key) != current.received)
        seen.clear()
        seen.update({key: current.received for key, current in progress.items()})
        if moved:
            self._events.publish(ProgressMade(ids=moved))

    async def _stop_transfers(self) -> None:
        tasks = [*self._tasks.values(), *self._timers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
