"""One attempt to bring one file: locate, resume, fetch, check, name."""

import asyncio
import errno
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiofiles.os

from backend.downloads import formats
from backend.downloads.answers import Changed, Unsatisfiable
from backend.downloads.faults import LastingFault, NoSpace, NotAModel, PassingFault, WrongContent
from backend.downloads.found import Located
from backend.downloads.lanes import Lanes, Limits, Link, Shared
from backend.downloads.models import Progress, Transfer, Verification
from backend.downloads.part_file import PartFile, opened
from backend.downloads.partial import Partial, Receipt
from backend.downloads.sources import Sources
from backend.downloads.spans import end, prefix
from backend.downloads.throttle import Throttle
from backend.downloads.transport import plain_faults

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
CONNECTIONS = 32
# One hashes and one writes for each of four files; both release the interpreter lock.
THREADS = 8


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A file that is in its place now."""

    bytes: int
    sha256: str
    verification: Verification


RoomCheck = Callable[[int], None]


class Fetcher:
    """Fetches files below one models folder."""

    def __init__(self, sources: Sources, models: Path, limits: Limits, throttle: Throttle):
        self._sources = sources
        self._models = models
        self._shared = Shared(limits=limits, throttle=throttle, places=asyncio.Semaphore(CONNECTIONS))
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="transfer")

    def partial_of(self, transfer: Transfer) -> Partial:
        return Partial(self._models / transfer.folder / transfer.filename)

    async def fetch(
        self,
        transfer: Transfer,
        url: str,
        progress: Progress,
        check_room: RoomCheck,
        on_verifying: Callable[[], object],
    ) -> Arrived:
        """Bring `url` to its place. Raises a `TransferFault`; what has arrived stays for the next attempt.

        `check_room` is called with the bytes still to come, once they are known, and raises `NoSpace`.
        """
        with plain_faults(), _disk_faults():
            partial = self.partial_of(transfer)
            await aiofiles.os.makedirs(partial.target.parent, exist_ok=True)
            located = await self._sources.locate(url)
            receipt = await asyncio.to_thread(_resume_point, partial, transfer, located)
            progress.received, progress.total = receipt.received, receipt.bytes
            try:
                async with opened(partial, receipt, progress, self._threads) as file:
                    lanes = Lanes(Link(self._sources, located), file, progress, check_room, self._shared)
                    await _bring(file, lanes, located)
                    on_verifying()
                    digest = await file.digest()
            except NotAModel:
                await asyncio.to_thread(partial.discard)
                raise
            return await asyncio.to_thread(_settle, partial, located, receipt.sha256, digest)


async def _bring(file: PartFile, lanes: Lanes, located: Located) -> None:
    """Every byte of the file, however the server gives them."""
    if file.received == located.bytes:
        return
    try:
        if not await lanes.look():
            return
        size = file.receipt.bytes
        if size is None or not _is_recognisable(file.receipt):
            await lanes.take_whole()
            return
        await asyncio.to_thread(formats.check_header, file.partial.part, file.name, prefix(file.spans), size)
        await lanes.run(size)
    except Unsatisfiable as answer:
        await _bring_without_parts(file, lanes, answer)
    except Changed:
        await _start_over(file)


def _is_recognisable(receipt: Receipt) -> bool:
    """Whether parts that were fetched at different moments can be told to be of the same content."""
    return bool(receipt.validator or receipt.identity or receipt.sha256)


async def _bring_without_parts(file: PartFile, lanes: Lanes, answer: Unsatisfiable) -> None:
    """The server has nothing after what is here: that was all, or it is another file by now, or it cannot do parts."""
    if answer.size is not None and answer.size == end(file.spans) == file.received:
        await file.describe(answer.size, file.receipt.validator)
    elif file.spans:
        await _start_over(file)
    else:
        await lanes.take_whole()


async def _start_over(file: PartFile) -> None:
    await file.start_over()
    raise PassingFault(
        "changed",
        "The file changed at its source while it was being fetched. It is fetched again from the start.",
    )


def _resume_point(partial: Partial, transfer: Transfer, located: Located) -> Receipt:
    """What an earlier attempt left, if it is the same content; else a receipt for nothing."""
    fresh = Receipt(
        url=transfer.url,
        spans=(),
        bytes=located.bytes,
        sha256=transfer.sha256 or located.sha256,
        identity=located.identity,
        validator=None,
        preset=transfer.preset,
    )
    earlier = partial.read()
    if earlier is None or not _is_resumable(earlier, fresh):
        return fresh
    return replace(
        fresh, spans=earlier.spans, validator=earlier.validator, bytes=fresh.bytes or earlier.bytes
    )


def _is_resumable(earlier: Receipt, fresh: Receipt) -> bool:
    same = earlier.url == fresh.url and earlier.identity == fresh.identity
    if not same or not (earlier.validator or earlier.identity):
        return False
    return fresh.bytes is None or end(earlier.spans) <= fresh.bytes


def _settle(partial: Partial, located: Located, sha256: str | None, digest: str) -> Arrived:
    """Verify the content and give it its name."""
    size = partial.part.stat().st_size
    verification = _verify(partial, located, sha256, digest)
    problem = formats.problem_of(partial.part, partial.target.name)
    if problem:
        partial.reject()
        raise WrongContent("not_a_model", f"{problem} It was put aside and not installed.")
    try:
        partial.finish()
    except FileExistsError:
        raise LastingFault(
            "file_exists",
            f"A file called {partial.target.name} appeared in {partial.target.parent.name} meanwhile. "
            "Nothing was overwritten.",
        ) from None
    return Arrived(bytes=size, sha256=digest, verification=verification)


def _verify(partial: Partial, located: Located, sha256: str | None, digest: str) -> Verification:
    if sha256:
        expected, found = sha256, digest
    elif located.git_sha1:
        expected, found = located.git_sha1, _git_sha1(partial.part)
    else:
        return Verification.UNVERIFIED
    if expected == found:
        return Verification.VERIFIED
    partial.reject()
    raise WrongContent(
        "hash_mismatch",
        f"The content is not the promised one (expected {expected[:12]}…, got {found[:12]}…). "
        "It was put aside and not installed. Retry to fetch it again, or cancel to delete it.",
    )


def _git_sha1(path: Path) -> str:
    """Only small files have one, so it is read whole."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextmanager
def _disk_faults() -> Iterator[None]:
    """Say in our own words what the operating system refuses."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL_DISK:
            raise NoSpace("disk_full", "The disk is full. Free some space, then resume.") from None
        raise LastingFault(
            "disk_error", f"The file cannot be written: {error.strerror}. Check the volume."
        ) from None
