"""Fetches one file: resolve its URL, resume or start the download, verify and install it."""

import asyncio
import errno
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import aiofiles.os

from backend.core.async_tools import run_to_completion
from backend.downloads.engine.attempt import (
    Attempt,
    expected_sha256,
    resume_point,
    verify_and_install,
    verify_existing,
)
from backend.downloads.engine.connections import ConnectionPool
from backend.downloads.engine.download import Download, FetchLimits
from backend.downloads.engine.models import DownloadResult, FileSpec, Progress
from backend.downloads.engine.part_file import open_part_file
from backend.downloads.engine.resume_state import ACTIVE_SECONDS, PartialFile
from backend.downloads.engine.signed_url import SignedUrlSource
from backend.downloads.engine.throttle import Throttle
from backend.sources.errors import DiskFull, PermanentError, WrittenElsewhere
from backend.sources.service import Sources

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
CONNECTIONS = 24
# Each file has one thread that hashes, one that writes and one that syncs. Threads are started when needed.
THREADS_PER_FILE = 3


class Fetcher:
    """Fetches files: `resolve` returns an attempt, then `find` or `download` returns the file."""

    def __init__(self, sources: Sources, limits: FetchLimits, throttle: Throttle, max_files: int):
        self._sources = sources
        self._limits = limits
        self._throttle = throttle
        self._pool = ConnectionPool(CONNECTIONS)
        self._threads = ThreadPoolExecutor(THREADS_PER_FILE * max_files, thread_name_prefix="download")

    async def resolve(self, spec: FileSpec, url: str, progress: Progress) -> Attempt:
        """Find out where `url` leads, which hash to expect and what can be resumed. Raise TransferError."""
        partial = PartialFile(spec.target)
        with disk_errors():
            await aiofiles.os.makedirs(spec.target.parent, exist_ok=True)
            if await asyncio.to_thread(partial.is_written_elsewhere):
                raise WrittenElsewhere(
                    "written_elsewhere",
                    "Another pod that shares this volume is downloading this file. It is checked again every minute.",
                    wait=ACTIVE_SECONDS,
                )
            previous = await asyncio.to_thread(partial.read)
        progress.sha256 = expected_sha256(spec, previous)
        located = await self._sources.locate(url)
        progress.sha256 = expected_sha256(spec, previous, located)
        return Attempt(
            spec=spec,
            url=url,
            located=located,
            sha256=progress.sha256,
            previous=previous,
            progress=progress,
        )

    async def find(self, attempt: Attempt) -> DownloadResult | None:
        """Return the file if an attempt that was killed has installed it already."""
        with disk_errors():
            if await aiofiles.os.path.exists(attempt.spec.target):
                return await asyncio.to_thread(verify_existing, attempt)
        return None

    async def download(
        self, attempt: Attempt, check_space: Callable[[int], None], on_verifying: Callable[[], object]
    ) -> DownloadResult:
        """Download the file. Raise TransferError; received bytes stay on disk for the next attempt.

        `check_space` is called with the bytes that are still missing once they are known, and may raise `NoSpace`.
        """
        progress, state = attempt.progress, resume_point(attempt)
        progress.received, progress.total = state.received, state.bytes
        with disk_errors(), self._pool.share() as share:
            async with open_part_file(attempt.partial, state, progress, self._threads) as file:
                source = SignedUrlSource(self._sources, attempt.located)
                download = Download(attempt, source, file, share, self._throttle, self._limits, check_space)
                if not file.is_complete and await download.start():
                    await download.fetch_missing()
                progress.received = progress.total = file.received
                on_verifying()
                digest = await file.digest()
            return await run_to_completion(asyncio.to_thread(verify_and_install, attempt, digest))


@contextmanager
def disk_errors() -> Iterator[None]:
    """Translate errors of the operating system."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise DiskFull("disk_full", "The disk is full. Free some space, then resume.") from None
        raise PermanentError(
            "disk_error", f"The file cannot be written: {error.strerror}. Check the volume."
        ) from None
