"""Brings one file: locate, resume, fetch, check, name."""

import asyncio
import errno
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import aiofiles.os

from backend.core.async_tools import run_to_completion
from backend.downloads.deduplication import Deduplication
from backend.downloads.engine.attempt import Attempt, adopt, another_file, promise, resume_point, settle
from backend.downloads.engine.byte_ranges import end, prefix
from backend.downloads.engine.parallel import FetchLimits, ParallelDownload, Shared
from backend.downloads.engine.part_file import PartFile, opened
from backend.downloads.engine.redirects import Link
from backend.downloads.engine.responses import ContentChanged, Unsatisfiable
from backend.downloads.engine.resume_state import ALIVE_SECONDS, PartialFile, ResumeState
from backend.downloads.engine.throttle import Throttle
from backend.downloads.models import DownloadResult, Progress, Transfer, Verification
from backend.downloads.policy import MOST_FILES
from backend.sources import formats
from backend.sources.errors import DiskFull, PermanentError, WrittenElsewhere
from backend.sources.service import Sources
from backend.sources.transport import plain_faults

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
CONNECTIONS = 24
# One hashes, one writes and one syncs for each file; all release the interpreter lock. Made when they are needed.
THREADS = 3 * MOST_FILES


RoomCheck = Callable[[int], None]


class Fetcher:
    """Fetches files below one models folder."""

    def __init__(
        self, sources: Sources, contents: Deduplication, models: Path, limits: FetchLimits, throttle: Throttle
    ):
        self._sources = sources
        self._contents = contents
        self._models = models
        self._shared = Shared(limits=limits, throttle=throttle, places=asyncio.Semaphore(CONNECTIONS))
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="transfer")

    def partial_of(self, transfer: Transfer) -> PartialFile:
        return PartialFile(self._models / transfer.folder / transfer.filename)

    async def fetch(
        self,
        transfer: Transfer,
        url: str,
        progress: Progress,
        check_room: RoomCheck,
        on_verifying: Callable[[], object],
    ) -> DownloadResult:
        """Bring `url` to its place. Raises a `TransferError`; what has arrived stays for the next attempt.

        `check_room` is called with the bytes still to come, once they are known, and raises `NoSpace`.
        """
        with plain_faults(), _disk_faults():
            partial = self.partial_of(transfer)
            await aiofiles.os.makedirs(partial.target.parent, exist_ok=True)
            if await asyncio.to_thread(partial.is_written_elsewhere):
                raise WrittenElsewhere(
                    "written_elsewhere",
                    "Another pod that shares this volume is fetching this file. It is looked for again every minute.",
                    wait=ALIVE_SECONDS,
                )
            earlier = await asyncio.to_thread(partial.read)
            progress.promised = promise(transfer, earlier)
            located = await self._sources.locate(url)
            progress.promised = promise(transfer, earlier, located)
            attempt = Attempt(
                partial=partial,
                transfer=transfer,
                address=url,
                located=located,
                sha256=progress.promised,
                earlier=earlier,
                progress=progress,
            )
            async with self._contents.claim(attempt.sha256):
                arrived = await self._find(attempt) or await self._fetch(attempt, check_room, on_verifying)
                await self._contents.remember(transfer, arrived.sha256)
            return arrived

    async def _find(self, attempt: Attempt) -> DownloadResult | None:
        """The file, if an attempt that was killed had it in its place already, or if its content is here."""
        if await aiofiles.os.path.exists(attempt.partial.target):
            return await asyncio.to_thread(adopt, attempt)
        size = await self._contents.share(attempt.sha256, attempt.transfer)
        if size is None or attempt.sha256 is None:
            return None
        arrived = DownloadResult(bytes=size, sha256=attempt.sha256, verification=Verification.VERIFIED)
        attempt.progress.arrived = arrived
        await asyncio.to_thread(attempt.partial.discard)
        return arrived

    async def _fetch(
        self, attempt: Attempt, check_room: RoomCheck, on_verifying: Callable[[], object]
    ) -> DownloadResult:
        partial, progress, receipt = attempt.partial, attempt.progress, resume_point(attempt)
        progress.received, progress.total = receipt.received, receipt.bytes
        async with opened(partial, receipt, progress, self._threads) as file:
            link = Link(self._sources, attempt.located)
            await _bring(attempt, file, ParallelDownload(link, file, progress, check_room, self._shared))
            progress.received = progress.total = file.received
            on_verifying()
            digest = await file.digest()
        return await run_to_completion(asyncio.to_thread(settle, attempt, digest))


async def _bring(attempt: Attempt, file: PartFile, lanes: ParallelDownload) -> None:
    """Every byte of the file, however the server gives them."""
    if file.received == file.receipt.bytes:
        return  # an earlier attempt was stopped after its last byte
    if not await _look(attempt, file, lanes):
        return
    size = file.receipt.bytes
    if size is None or not _is_recognisable(file.receipt):
        file.disown("nothing tells whether two parts are of the same content")
        await lanes.take_whole()
        return
    await _check_header(file, size)
    await lanes.run(size)


async def _look(attempt: Attempt, file: PartFile, lanes: ParallelDownload) -> bool:
    """Learn what the server has. False when the whole file is here now.

    What is here goes when the server has another content. Where a hash is promised, it has to say so twice.
    """
    answers = 2 if file.spans and attempt.sha256 else 1
    for _ in range(answers):
        try:
            return await lanes.look()
        except ContentChanged as answer:
            misfit = answer
    if isinstance(misfit, Unsatisfiable) and misfit.size == end(file.spans) == file.received:
        await file.describe(misfit.size, file.receipt.validator)  # that was all
        return False
    if attempt.is_elsewhere and misfit.size not in (None, file.receipt.bytes):
        raise another_file()
    file.disown(misfit.message)
    try:
        return await lanes.look()
    except Unsatisfiable:
        await lanes.take_whole()
        return False


def _is_recognisable(receipt: ResumeState) -> bool:
    """Whether parts that were fetched at different moments can be told to be of the same content."""
    return bool(receipt.validator or receipt.identity or receipt.sha256)


async def _check_header(file: PartFile, size: int) -> None:
    """A file whose first bytes are here and cannot be the model's is not kept."""
    try:
        await asyncio.to_thread(formats.check_header, file.partial.part, file.name, prefix(file.spans), size)
    except PermanentError as fault:
        file.disown(fault.message)
        await file.begin()
        raise


@contextmanager
def _disk_faults() -> Iterator[None]:
    """Say in our own words what the operating system refuses."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL_DISK:
            raise DiskFull("disk_full", "The disk is full. Free some space, then resume.") from None
        raise PermanentError(
            "disk_error", f"The file cannot be written: {error.strerror}. Check the volume."
        ) from None
