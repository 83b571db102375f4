"""Decides when to upload and to restore, runs one at a time, and reports the results."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass

import structlog

from backend.activity.service import Activity
from backend.core import clock
from backend.core.async_tools import cancel_and_wait
from backend.core.errors import AppError
from backend.sync.models import Choice, Folder, Kind, Outcome, Progress, Remote, When
from backend.sync.rclone import Rclone
from backend.sync.remotes import Remotes
from backend.sync.restore import Restore
from backend.sync.store import SyncStore
from backend.sync.uploads import Upload
from backend.system.services import Services

log = structlog.get_logger(__name__)

# Jobs that end within this time share an upload.
DEBOUNCE_SECONDS = 10.0
START_SECONDS = 60.0
# Between two scans for files that no job made, such as those of ComfyUI's own editor.
LOOK_SECONDS = 600.0
RETRY_SECONDS = 60.0
LONGEST_RETRY_SECONDS = 1800.0


@dataclass(frozen=True, kw_only=True)
class Request:
    kind: Kind
    # Empty: every remote.
    remote: str = ""


@dataclass(kw_only=True)
class Due:
    """When the next automatic upload begins. Times are those of `time.monotonic`."""

    at: float | None = None
    failures: int = 0

    def within(self, seconds: float) -> None:
        at = time.monotonic() + seconds
        self.at = at if self.at is None else min(self.at, at)

    def retry(self) -> None:
        self.failures += 1
        self.within(min(RETRY_SECONDS * 2 ** (self.failures - 1), LONGEST_RETRY_SECONDS))

    @property
    def seconds_left(self) -> float | None:
        return None if self.at is None else max(0.0, self.at - time.monotonic())


class Sync:
    """Cloud sync of this pod."""

    def __init__(
        self,
        store: SyncStore,
        remotes: Remotes,
        folders: tuple[Folder, ...],
        activity: Activity,
        services: Services,
        *,
        restores_at_start: bool,
    ):
        self.remotes, self.store, self.folders = remotes, store, folders
        self._activity, self._services = activity, services
        self._requests: deque[Request] = deque()
        self._changed = asyncio.Event()
        # Set while nothing is requested and nothing runs.
        self.idle = asyncio.Event()
        self._run: asyncio.Task[None] | None = None
        self._due = Due()
        self._expects_files = False
        self.progress: Progress | None = None
        self.outcomes: dict[tuple[str, Kind], Outcome] = {}
        if restores_at_start and not remotes.is_restored and remotes.all():
            self._requests.append(Request(kind=Kind.RESTORE, remote=remotes.get().name))
        self._schedule(START_SECONDS)

    def job_ended(self) -> None:
        """Note that there may be new files."""
        if self.remotes.all() and self.remotes.choice.when == When.JOBS:
            self._expects_files = True
            self._schedule(DEBOUNCE_SECONDS)

    def upload(self, remote: str = "") -> None:
        """Request an upload to all remotes or to one. It begins when nothing else runs."""
        self.remotes.get(remote)
        self._request(Request(kind=Kind.UPLOAD, remote=remote))

    def restore(self, remote: str = "") -> None:
        self._request(Request(kind=Kind.RESTORE, remote=self.remotes.get(remote).name))

    async def cancel(self) -> None:
        """Cancel the run in progress and the requested ones. Copied files stay."""
        self._requests.clear()
        self._due.at, self._expects_files = None, False
        if self._run:
            await cancel_and_wait(self._run)

    async def save(self, remote: Remote) -> None:
        """Add or replace a remote, and upload to it soon."""
        await asyncio.to_thread(self.remotes.save, remote)
        await self._services.hide(self.remotes.secrets())
        self._activity.note("sync.remote_saved", remote.name)
        self._schedule(DEBOUNCE_SECONDS)

    async def remove(self, name: str) -> None:
        """Delete a remote and its key. Its files stay in the storage."""
        await asyncio.to_thread(self.remotes.remove, name)
        await self.store.forget_remote(name)
        for kind in Kind:
            self.outcomes.pop((name, kind), None)
        self._activity.note("sync.remote_removed", name)

    async def test(self, name: str) -> None:
        """Write a small object. Raise StorageFault when the storage does not accept it."""
        await Rclone(self.remotes.get(name)).write(
            "comfypod.txt", b"ComfyPod writes the files of this folder."
        )

    async def choose(self, choice: Choice) -> None:
        await asyncio.to_thread(self.remotes.choose, choice)
        self._due.at = None
        self._schedule(DEBOUNCE_SECONDS)

    @property
    def requested(self) -> int:
        return len(self._requests)

    @property
    def next_seconds(self) -> float | None:
        """Return the seconds until the next automatic upload."""
        return self._due.seconds_left

    def busy_reason(self) -> str | None:
        """Return what runs or will run soon, for automatic stop. A failed upload that waits to be retried does not count."""
        kinds = [request.kind for request in self._requests]
        if self.progress and (self.progress.files or self.progress.kind == Kind.RESTORE):
            kinds.insert(0, self.progress.kind)
        if kinds:
            return "Files are being restored." if kinds[0] == Kind.RESTORE else "Files are being uploaded."
        return "Files are about to be uploaded." if self._expects_files else None

    async def run(self) -> None:
        """Run what is requested or due, until cancelled."""
        await self._services.hide(self.remotes.secrets())
        try:
            while True:
                request = await self._next()
                self._run = asyncio.create_task(self._perform(request))
                await asyncio.wait([self._run])
        finally:
            if self._run:
                await cancel_and_wait(self._run)

    async def _next(self) -> Request:
        while True:
            self._changed.clear()
            if self._requests:
                return self._requests.popleft()
            left = self._due.seconds_left
            if left == 0:
                self._due.at = None
                self.idle.clear()
                return Request(kind=Kind.UPLOAD)
            self.idle.set()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                continue

    async def _perform(self, request: Request) -> None:
        if request.kind == Kind.UPLOAD:
            self._expects_files = False
        names = [request.remote] if request.remote else [remote.name for remote in self.remotes.all()]
        outcomes = [await self._perform_on(name, request.kind) for name in names]
        if any(outcome.problem for outcome in outcomes):
            if request.kind == Kind.UPLOAD:
                self._retry()
        else:
            self._due.failures = 0
        is_schedule = self.remotes.choice.when == When.SCHEDULE
        self._schedule(self.remotes.choice.minutes * 60 if is_schedule else LOOK_SECONDS)

    async def _perform_on(self, name: str, kind: Kind) -> Outcome:
        try:
            outcome = await self._copy(self.remotes.get(name), kind)
        except AppError as error:
            outcome = Outcome(kind=kind, remote=name, at=clock.now(), files=0, size=0, problem=error.message)
        except Exception:
            log.exception("the sync failed")
            problem = "The sync failed for a reason that the control plane's log contains."
            outcome = Outcome(kind=kind, remote=name, at=clock.now(), files=0, size=0, problem=problem)
        finally:
            self.progress = None
        self._note(outcome)
        return outcome

    async def _copy(self, remote: Remote, kind: Kind) -> Outcome:
        rclone = Rclone(remote, limit=self.remotes.choice.limit)
        make = Restore if kind == Kind.RESTORE else Upload
        work = make(self.store, self.folders, remote, rclone)
        self.progress = work.progress
        outcome = await work.run()
        if isinstance(work, Upload) and work.is_incomplete:
            self._schedule(DEBOUNCE_SECONDS)
        if kind == Kind.RESTORE and not outcome.problem:
            await asyncio.to_thread(self.remotes.note_restored)
        return outcome

    def _note(self, outcome: Outcome) -> None:
        last = self.outcomes.get((outcome.remote, outcome.kind))
        self.outcomes[outcome.remote, outcome.kind] = outcome
        verb = "restored" if outcome.kind == Kind.RESTORE else "uploaded"
        if outcome.files:
            self._activity.note(f"sync.{verb}", outcome.remote, files=outcome.files, bytes=outcome.size)
        if outcome.problem and not (last and last.problem == outcome.problem):
            self._activity.note("sync.failed", outcome.remote, problem=outcome.problem)
            log.warning("the sync is not complete", remote=outcome.remote, reason=outcome.problem)

    def _request(self, request: Request) -> None:
        if request not in self._requests:
            self._requests.append(request)
        self.idle.clear()
        self._changed.set()

    def _schedule(self, seconds: float) -> None:
        if self.remotes.all() and self.remotes.choice.when != When.MANUAL:
            self._due.within(seconds)
            self._changed.set()

    def _retry(self) -> None:
        if self.remotes.choice.when != When.MANUAL:
            self._due.retry()
