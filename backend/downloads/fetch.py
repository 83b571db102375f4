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

from backend.core.waiting import to_the_end
from backend.downloads.answers import Changed, Unsatisfiable
from backend.downloads.contents import Contents
from backend.downloads.lanes import Lanes, Limits, Shared
from backend.downloads.link import Link
from backend.downloads.models import Progress, Transfer, Verification
from backend.downloads.part_file import PartFile, opened
from backend.downloads.partial import Partial, Receipt
from backend.downloads.spans import end, prefix
from backend.downloads.throttle import Throttle
from backend.sources import formats
from backend.sources.faults import DiskFull, LastingFault, NotAModel, PassingFault, WrongContent
from backend.sources.models import Located
from backend.sources.service import Sources
from backend.sources.transport import plain_faults

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
CONNECTIONS = 24
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

    def __init__(
        self, sources: Sources, contents: Contents, models: Path, limits: Limits, throttle: Throttle
    ):
        self._sources = sources
        self._contents = contents
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
            attempt = Attempt(partial, transfer, located, transfer.sha256 or located.sha256, progress)
            async with self._contents.claim(attempt.sha256):
                arrived = await self._find(attempt) or await self._fetch(attempt, check_room, on_verifying)
                await self._contents.remember(transfer, arrived.sha256)
            return arrived

    async def _find(self, attempt: "Attempt") -> Arrived | None:
        """The file, if an attempt that was killed had it in its place already, or if its content is here."""
        if await aiofiles.os.path.exists(attempt.partial.target):
            return await asyncio.to_thread(_adopt, attempt)
        size = await self._contents.share(attempt.sha256, attempt.transfer)
        if size is None or attempt.sha256 is None:
            return None
        attempt.progress.installed = True
        await asyncio.to_thread(attempt.partial.discard)
        return Arrived(bytes=size, sha256=attempt.sha256, verification=Verification.VERIFIED)

    async def _fetch(
        self, attempt: "Attempt", check_room: RoomCheck, on_verifying: Callable[[], object]
    ) -> Arrived:
        partial, progress = attempt.partial, attempt.progress
        receipt = await asyncio.to_thread(_resume_point, attempt)
        progress.received, progress.total = receipt.received, receipt.bytes
        try:
            async with opened(partial, receipt, progress, self._threads) as file:
                link = Link(self._sources, attempt.located)
                await _bring(file, Lanes(link, file, progress, check_room, self._shared))
                on_verifying()
                digest = await file.digest()
        except NotAModel:
            await asyncio.to_thread(partial.discard)
            raise
        return await to_the_end(asyncio.to_thread(_settle, attempt, digest))


@dataclass(frozen=True)
class Attempt:
    """What one attempt is about."""

    partial: Partial
    transfer: Transfer
    located: Located
    # The content's promised hash, if anybody promised one.
    sha256: str | None
    progress: Progress


async def _bring(file: PartFile, lanes: Lanes) -> None:
    """Every byte of the file, however the server gives them."""
    if file.received == file.receipt.bytes:
        return  # an earlier attempt was stopped after its last byte
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


def _resume_point(attempt: Attempt) -> Receipt:
    """What an earlier attempt left, if it is the same content; else a receipt for nothing."""
    transfer, located = attempt.transfer, attempt.located
    fresh = Receipt(
        url=transfer.url,
        spans=(),
        bytes=located.bytes,
        sha256=attempt.sha256,
        identity=located.identity,
        validator=None,
        preset=transfer.preset,
    )
    earlier = attempt.partial.read()
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


def _adopt(attempt: Attempt) -> Arrived:
    """A file of the wanted name is there. Take it for ours exactly when it is what was wanted."""
    partial, located = attempt.partial, attempt.located
    found = partial.target.stat().st_size
    if found != (located.bytes or attempt.transfer.bytes):
        raise _taken(partial)
    with partial.target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    verification = _verification(partial.target, located, attempt.sha256, digest)
    if verification == Verification.MISMATCH:
        raise _taken(partial)
    partial.discard()
    return Arrived(bytes=found, sha256=digest, verification=verification)


def _settle(attempt: Attempt, digest: str) -> Arrived:
    """Verify the content and give it its name."""
    partial = attempt.partial
    size = partial.part.stat().st_size
    verification = _verify(attempt, digest)
    problem = formats.problem_of(partial.part, partial.target.name)
    if problem:
        partial.reject()
        raise WrongContent("not_a_model", f"{problem} It was put aside and not installed.")
    try:
        partial.finish()
    except FileExistsError:
        raise _taken(partial) from None
    attempt.progress.installed = True
    return Arrived(bytes=size, sha256=digest, verification=verification)


def _taken(partial: Partial) -> LastingFault:
    return LastingFault(
        "file_exists",
        f"Another file called {partial.target.name} is in {partial.target.parent.name} by now. "
        "Nothing was overwritten. Delete it or choose another name.",
    )


def _verify(attempt: Attempt, digest: str) -> Verification:
    verification = _verification(attempt.partial.part, attempt.located, attempt.sha256, digest)
    if verification != Verification.MISMATCH:
        return verification
    attempt.partial.reject()
    raise WrongContent(
        "hash_mismatch",
        f"The content is not the promised one: its SHA-256 is {digest[:12]}…. It was put aside and not installed. "
        "Retry to fetch it again, keep it all the same, or cancel to delete it.",
    )


def _verification(path: Path, located: Located, sha256: str | None, digest: str) -> Verification:
    """What the published hash says about the file, whose sha256 is `digest`."""
    if sha256:
        matches = digest == sha256
    elif located.git_sha1:
        matches = _git_sha1(path) == located.git_sha1
    else:
        return Verification.UNVERIFIED
    return Verification.VERIFIED if matches else Verification.MISMATCH


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
            raise DiskFull("disk_full", "The disk is full. Free some space, then resume.") from None
        raise LastingFault(
            "disk_error", f"The file cannot be written: {error.strerror}. Check the volume."
        ) from None
