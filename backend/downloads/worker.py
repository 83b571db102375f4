"""Moves transfers along: a few at the same time, each until it is done or given up."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from backend.comfy.client import ComfyClient
from backend.core import clock
from backend.core.errors import Unavailable
from backend.core.events import EventBus
from backend.core.waiting import to_the_end
from backend.downloads.attempt import Arrived
from backend.downloads.fetch import Fetcher
from backend.downloads.governor import Governor, PolicyChanged
from backend.downloads.meter import Meter
from backend.downloads.models import (
    Problem,
    Progress,
    State,
    Transfer,
    TransferChanged,
    Verification,
)
from backend.downloads.service import Downloads
from backend.downloads.store import TransferStore
from backend.sources.faults import (
    DiskFull,
    LastingFault,
    NoSpace,
    PassingFault,
    TransferFault,
    WrongContent,
)

log = structlog.get_logger(__name__)

WORKING = (State.RUNNING, State.VERIFYING)


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
        fetcher: Fetcher,
        governor: Governor,
        comfy: ComfyClient,
        events: EventBus,
        *,
        retries: Retries,
    ):
        self._downloads = downloads
        self._store = store
        self._fetcher = fetcher
        self._governor = governor
        self._comfy = comfy
        self._events = events
        self._retries = retries
        self._meter = Meter(downloads.progress, events)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._destinations: set[str] = set()
        # Pauses before a retry, and questions to ComfyUI.
        self._errands: set[asyncio.Task[None]] = set()
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
            await self._fill_places()
            await self._wake.wait()

    async def _fill_places(self) -> None:
        for transfer in await self._store.in_state(State.QUEUED):
            if len(self._tasks) >= self._governor.policy.files_at_once:
                return
            if transfer.destination not in self._destinations:
                await self._start(transfer)

    async def _start(self, transfer: Transfer) -> None:
        running = transfer.changed(
            state=State.RUNNING, started_at=transfer.started_at or clock.now(), retry_at=None, problem=None
        )
        if not await self._store.save(running, only_if=[State.QUEUED]):
            return
        self._downloads.progress[running.id] = Progress(
            received=running.received, total=running.bytes, moved=self._meter.moved
        )
        self._destinations.add(running.destination)
        task = asyncio.create_task(self._carry(running), name=f"transfer {running.id}")
        self._tasks[running.id] = task
        await self._store.note(running.id, _started(running))
        self._events.publish(TransferChanged(transfer=running))

    async def _carry(self, transfer: Transfer) -> None:
        """One attempt, and what follows from it."""
        try:
            await self._conclude(transfer, await self._attempt(transfer))
        except TransferFault as fault:
            await self._conclude_fault(transfer, fault)
        except asyncio.CancelledError:
            await to_the_end(self._clean_up(transfer))
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
        """Try the address, then the alternatives, which count only when a hash makes sure they are the same.

        What usually passes is given the usual number of tries first.
        """
        progress = self._downloads.progress[transfer.id]
        addresses = (transfer.url, *transfer.alternatives)
        for address, following in itertools.pairwise(addresses):
            try:
                return await self._fetch(transfer, address)
            except (LastingFault, PassingFault) as fault:
                tried_enough = isinstance(fault, LastingFault) or transfer.failures >= self._retries.times
                if not tried_enough or progress.promised is None:
                    raise
                transfer = transfer.changed(sha256=progress.promised)
                await self._store.note(transfer.id, f"{fault.message} Another address is tried: {following}")
        return await self._fetch(transfer, addresses[-1])

    async def _fetch(self, transfer: Transfer, address: str) -> Arrived:
        progress = self._downloads.progress[transfer.id]

        def check_room(remaining: int) -> None:
            self._downloads.room.check_rest(transfer.id, remaining)

        verifying: list[asyncio.Task[bool]] = []

        def on_verifying() -> None:
            whole = transfer.changed(state=State.VERIFYING, bytes=progress.total, received=progress.received)
            verifying.append(asyncio.create_task(self._save(whole)))

        try:
            return await self._fetcher.fetch(transfer, address, progress, check_room, on_verifying)
        finally:
            await asyncio.gather(*verifying)

    async def _conclude(self, transfer: Transfer, arrived: Arrived) -> None:
        done = transfer.changed(
            state=State.DONE,
            verification=arrived.verification,
            bytes=arrived.bytes,
            received=arrived.bytes,
            sha256=arrived.sha256,
            failures=0,
            finished_at=clock.now(),
        )
        if not await self._save(done):
            await self._clean_up(transfer)
            return
        await self._store.note(transfer.id, f"Done: {arrived.bytes} bytes, {arrived.verification.value}.")
        log.info("transfer done", transfer=transfer.id, destination=transfer.destination, bytes=arrived.bytes)
        self._run_errand(self._ask_comfyui(done))

    async def _ask_comfyui(self, transfer: Transfer) -> None:
        """Done means that ComfyUI offers the file. Where none runs, nothing is claimed."""
        with contextlib.suppress(Unavailable):
            seen = await self._comfy.offers(transfer.folder, transfer.filename)
            asked = transfer.changed(seen_by_comfyui=seen)
            if await self._store.save(asked, only_if=[State.DONE]):
                self._events.publish(TransferChanged(transfer=asked))

    async def _conclude_fault(self, transfer: Transfer, fault: TransferFault) -> None:
        progress = self._downloads.progress[transfer.id]
        failed = transfer.changed(
            problem=Problem(code=fault.code, message=fault.message),
            # Only failures in a row count: whoever gets on is not given up.
            failures=0 if progress.received > transfer.received else transfer.failures,
            received=progress.received,
            bytes=progress.total or transfer.bytes,
        )
        log.warning("transfer stopped", transfer=transfer.id, code=fault.code)
        await self._store.note(transfer.id, fault.message)
        match fault:
            case PassingFault() if failed.failures < self._retries.times:
                await self._wait_and_retry(failed, fault.wait)
            case NoSpace():
                await self._pause_for_space(failed, fault)
            case WrongContent():
                await self._save(
                    failed.changed(
                        state=State.QUARANTINED, verification=Verification.MISMATCH, finished_at=clock.now()
                    )
                )
            case _:
                await self._save(failed.changed(state=State.FAILED, finished_at=clock.now()))

    async def _pause_for_space(self, transfer: Transfer, fault: NoSpace) -> None:
        """When not a byte more can be written, the whole queue waits for a person to free some."""
        await self._save(transfer.changed(state=State.PAUSED))
        if isinstance(fault, DiskFull):
            await self._downloads.pause_all(transfer.problem)

    async def _wait_and_retry(self, transfer: Transfer, asked: float | None) -> None:
        """Give the place to another transfer while this one waits."""
        failures = transfer.failures + 1
        pause = self._retries.pause_after(failures, asked)
        waiting = transfer.changed(state=State.WAITING, failures=failures, retry_at=clock.in_seconds(pause))
        if await self._save(waiting):
            await self._store.note(transfer.id, f"Tried again in {pause:.0f} s.")
            self._run_errand(self._queue_when_due(waiting, pause))

    def _run_errand(self, work: Coroutine[Any, Any, None]) -> None:
        errand = asyncio.create_task(work)
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    async def _save(self, transfer: Transfer) -> bool:
        """Write and announce, unless a person has decided otherwise meanwhile."""
        saved = await self._store.save(transfer, only_if=WORKING)
        if saved:
            self._events.publish(TransferChanged(transfer=transfer))
        return saved

    async def _clean_up(self, transfer: Transfer) -> None:
        """Cancelled means that nothing is on disk, also when the last byte was faster than the person."""
        current = await self._store.get(transfer.id)
        if current and current.state == State.CANCELLED:
            partial = self._fetcher.partial_of(transfer)
            await asyncio.to_thread(partial.discard)
            if self._downloads.progress[transfer.id].installed:
                await asyncio.to_thread(partial.target.unlink, missing_ok=True)

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

    async def _stop_transfers(self) -> None:
        tasks = [*self._tasks.values(), *self._errands]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _started(transfer: Transfer) -> str:
    return f"Goes on after {transfer.received} bytes." if transfer.received else "Started."
