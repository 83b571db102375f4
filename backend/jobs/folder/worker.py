"""Watches the folder of job files, and follows their jobs to the end."""

import asyncio
import contextlib
import errno
import logging
import time
from pathlib import Path

import structlog

from backend.activity.service import Activity
from backend.comfy.errors import ComfyError
from backend.core.async_tools import cancel_and_wait
from backend.core.errors import AppError
from backend.core.events import EventBus
from backend.jobs.folder.config import GlobalConfig, read_global_config
from backend.jobs.folder.finish import finish, write_note
from backend.jobs.folder.importer import FILE, JobFileImporter, Setup
from backend.jobs.folder.layout import CONFIG_PATHS, FolderLayout, note_of
from backend.jobs.folder.names import InvalidJobFile
from backend.jobs.folder.scan import FileTracker, ScannedFile, find_files
from backend.jobs.models import Job, JobChanged, JobSource, JobState
from backend.jobs.service import Jobs
from backend.storage.volume import is_network_volume
from backend.storage.watch import watching

log = structlog.get_logger(__name__)

# Between two scans of a local folder that is watched.
WATCHED_SECONDS = 60.0
# While a file may still be growing.
SETTLING_SECONDS = 0.5
# Between two attempts while ComfyUI does not answer.
COMFYUI_SECONDS = 5.0
# Scans take at most 1/DUTY of the time.
DUTY = 20
VOLUME_PROBLEMS = {errno.EROFS, errno.ENOSPC}


class JobFolder:
    def __init__(
        self,
        workspace: Path,
        output_folder: Path,
        jobs: Jobs,
        importer: JobFileImporter,
        activity: Activity,
        events: EventBus,
    ):
        self._workspace = workspace
        self._output_folder = output_folder
        self._jobs = jobs
        self._importer = importer
        self._activity = activity
        self._tracker = FileTracker()
        # Jobs of files that are in another state now.
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._is_watched = False
        events.subscribe(JobChanged, self._note)

    def _note(self, event: JobChanged) -> None:
        if event.job.source == JobSource.FOLDER:
            self._changed.add(event.job.id)
            self._wake.set()

    async def run(self) -> None:
        """Run until cancelled. A disk that fails is tried again at the next scan."""
        watcher: asyncio.Task[None] | None = None
        watched: Path | None = None
        try:
            while True:
                pause = WATCHED_SECONDS
                try:
                    setup = await self._setup()
                    if setup and setup.layout.processing != watched:
                        if watcher:
                            await cancel_and_wait(watcher)
                        watched = setup.layout.processing
                        watcher = asyncio.create_task(self._watch(watched))
                    pause = await self._scan(setup) if setup else SETTLING_SECONDS * DUTY
                except OSError as error:
                    # The whole control plane reports a read-only or full volume once.
                    level = logging.INFO if error.errno in VOLUME_PROBLEMS else logging.WARNING
                    log.log(level, "the folder of job files cannot be used", reason=str(error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            if watcher:
                await cancel_and_wait(watcher)

    async def _watch(self, folder: Path) -> None:
        """Wake the scan when something changes. Without inotify the scan runs at intervals."""
        async with watching((folder,)) as reports:
            first = await reports.get()
            self._is_watched = first is not None
            while self._is_watched:
                paths = await reports.get()
                self._is_watched = paths is not None
                if paths:
                    self._wake.set()

    async def _setup(self) -> Setup | None:
        """Read `global_config.yaml`; None while it is invalid."""
        path = await asyncio.to_thread(_config_file, self._workspace)
        try:
            content = await asyncio.to_thread(path.read_bytes) if path else b""
            config = read_global_config(content) if content else GlobalConfig()
            setup = Setup(config=config, layout=FolderLayout.of(self._workspace, config))
        except InvalidJobFile as error:
            assert path is not None  # noqa: S101 - the defaults are valid
            await asyncio.to_thread(write_note, path, f"{error} No job file is read until this is corrected.")
            return None
        if path:
            await asyncio.to_thread(note_of(path).unlink, missing_ok=True)
        await asyncio.to_thread(setup.layout.create_folders)
        return setup

    async def _scan(self, setup: Setup) -> float:
        """Process what has changed, and return the seconds until the next scan."""
        began = time.monotonic()
        changed, self._changed = self._changed, set()
        for job_id in changed:
            job = await self._jobs.get(job_id)
            await self._follow(job, setup)
            if job.state.is_final:  # it may have been changed while the job ran
                self._tracker.forget(setup.layout.processing / job.metadata[FILE])
        for file in self._tracker.ready(await asyncio.to_thread(find_files, setup.layout.processing)):
            await self._take(file, setup)
        if self._tracker.is_settling:
            return SETTLING_SECONDS
        pause = max(setup.config.poll_interval_ms / 1000, DUTY * (time.monotonic() - began))
        if self._is_watched and not await asyncio.to_thread(is_network_volume, setup.layout.processing):
            pause = WATCHED_SECONDS
        return min(pause, self._tracker.seconds_until_retry)

    async def _take(self, file: ScannedFile, setup: Setup) -> None:
        try:
            content = await asyncio.to_thread(file.path.read_bytes)
            job = await self._importer.import_file(file, content, setup)
        except FileNotFoundError:
            self._tracker.forget(file.path)
        except ComfyError as error:  # it may be starting
            log.info("a job file waits for ComfyUI", file=file.path.name, reason=error.message)
            self._tracker.mark_refused(file, COMFYUI_SECONDS)
        except (InvalidJobFile, AppError) as error:
            await asyncio.to_thread(write_note, file.path, str(error))
            self._activity.note("job.refused", file.path.name, problem=str(error))
            self._tracker.mark_refused(file)
        else:
            if job:
                self._tracker.mark_done(file)
                await self._follow(job, setup)
            else:
                self._tracker.mark_refused(file)

    async def _follow(self, job: Job, setup: Setup) -> None:
        """Update the file of a job to its state."""
        path = setup.layout.processing / job.metadata[FILE]
        try:
            match job.state:
                case JobState.SUCCEEDED:
                    attempts, outputs = await self._jobs.attempts(job.id), await self._jobs.outputs(job.id)
                    await asyncio.to_thread(finish, job, attempts, outputs, self._output_folder, setup.layout)
                    await asyncio.to_thread(self._importer.claims.release, path)
                case JobState.WAITING | JobState.QUEUED | JobState.RUNNING:
                    await asyncio.to_thread(note_of(path).unlink, missing_ok=True)
                case _:
                    await asyncio.to_thread(write_note, path, _reason(job))
        except (OSError, InvalidJobFile) as error:
            log.warning("the results of a job file cannot be placed", job=job.id, reason=str(error))
            await asyncio.to_thread(
                write_note, path, f"The job has succeeded, and its results cannot be placed: {error}"
            )
            self._changed.add(job.id)


def _reason(job: Job) -> str:
    error = job.error.message if job.error else ""
    return f"The job is {job.state}. {error}\nTo run it again, retry job {job.id} or change this file."


def _config_file(workspace: Path) -> Path | None:
    return next((path for place in CONFIG_PATHS if (path := workspace / place).is_file()), None)
