"""One attempt to bring one file: locate, resume, stream, hash, check, name."""

import asyncio
import errno
import hashlib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import aiofiles
import httpx
from aiofiles.threadpool.binary import AsyncFileIO

from backend.downloads import formats
from backend.downloads.addresses import origin
from backend.downloads.faults import LastingFault, NoSpace, PassingFault, WrongContent
from backend.downloads.models import Progress, Transfer, Verification
from backend.downloads.partial import Partial, Receipt
from backend.downloads.sources import Located, Sources, check_answer

CONTENT_RANGE = re.compile(r"^bytes (\d+)-(\d+)/(\d+|\*)$")
FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
BATCH_BYTES = 2**20
SYNC_BYTES = 64 * 2**20
HASH_BYTES = 2**22


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How patient a fetch is."""

    stall_seconds: float = 30.0
    answer_seconds: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A file that is in its place now."""

    bytes: int
    sha256: str
    verification: Verification


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What the first lines of an answer promise."""

    # Offset of the first byte that will come.
    start: int
    # Size of the whole file, if the server tells.
    total: int | None


RoomCheck = Callable[[int], None]


class Fetcher:
    """Fetches files below one models folder."""

    def __init__(self, sources: Sources, models: Path, limits: Limits):
        self._sources = sources
        self._models = models
        self._limits = limits

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
        with _plain_faults():
            partial = self.partial_of(transfer)
            await asyncio.to_thread(partial.target.parent.mkdir, parents=True, exist_ok=True)
            located = await self._sources.locate(url)
            body = _Body(partial, _resume_point(partial, transfer, located), progress)
            await self._receive(body, located, check_room)
            on_verifying()
            return await _settle(body, transfer, located)

    async def _receive(self, body: "_Body", located: Located, check_room: RoomCheck) -> None:
        if located.bytes is not None and body.receipt.received == located.bytes:
            await body.rehash(located.bytes)
            return
        async with self._answer(located, body.receipt) as response:
            _check_link(response, located)
            formats.check_content_type(body.partial.target.name, response.headers.get("content-type", ""))
            opening = read_opening(response, body.receipt.received, located.bytes)
            check_room((opening.total or 0) - opening.start)
            await body.begin(opening, response)
            async with body.writing() as write:
                async for batch in self._batches(response, body.progress):
                    await write(batch)
        body.check_length(opening)

    @asynccontextmanager
    async def _answer(self, located: Located, receipt: Receipt) -> AsyncIterator[httpx.Response]:
        headers = {**located.headers, **_range_headers(receipt)}
        connection = self._sources.open(located.url, headers)
        async with asyncio.timeout(self._limits.answer_seconds):
            response = await connection.__aenter__()
        try:
            yield response
        except BaseException as error:
            await connection.__aexit__(type(error), error, error.__traceback__)
            raise
        else:
            await connection.__aexit__(None, None, None)

    async def _batches(self, response: httpx.Response, progress: Progress) -> AsyncIterator[bytes]:
        """The body in pieces of about a megabyte; PassingFault when it stands still."""
        chunks = response.aiter_raw()
        buffer = bytearray()
        while True:
            try:
                async with asyncio.timeout(self._limits.stall_seconds):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                break
            except TimeoutError:
                yield bytes(buffer)
                raise PassingFault("stalled", "No byte arrived for a while.") from None
            except httpx.HTTPError:
                yield bytes(buffer)  # what came before the line broke need not come again
                raise
            buffer += chunk
            progress.received += len(chunk)
            if len(buffer) >= BATCH_BYTES:
                yield bytes(buffer)
                buffer.clear()
        yield bytes(buffer)


class _Body:
    """The bytes of one attempt: the part file, the hash, the receipt."""

    def __init__(self, partial: Partial, receipt: Receipt, progress: Progress):
        self.partial = partial
        self.receipt = receipt
        self.received = receipt.received
        self.hash = hashlib.sha256()
        self.progress = progress

    async def begin(self, opening: Opening, response: httpx.Response) -> None:
        """Line up part file, hash and receipt with what the server is about to send."""
        self.received = opening.start
        total = opening.total if opening.total is not None else self.receipt.bytes
        validator = _validator(response.headers)
        self.receipt = replace(self.receipt, received=opening.start, bytes=total, validator=validator)
        self.progress.total = total
        self.progress.received = opening.start
        await self.rehash(opening.start)

    async def rehash(self, length: int) -> None:
        """Hash what an earlier attempt left on disk."""
        self.received = length
        self.hash = await asyncio.to_thread(_hash_beginning, self.partial.part, length)
        self.progress.received = length

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Callable[[bytes], Awaitable[None]]]:
        async with _opened(self.partial.part, keep=self.received > 0) as file:
            await file.seek(self.received)
            await file.truncate(self.received)
            synced = self.received

            async def write(batch: bytes) -> None:
                nonlocal synced
                if self.received == 0 and batch:
                    formats.check_beginning(self.partial.target.name, batch[:64])
                # Hashing and writing both release the interpreter lock: two threads, at the same time.
                await asyncio.gather(file.write(batch), asyncio.to_thread(self.hash.update, batch))
                self.received += len(batch)
                if self.received - synced >= SYNC_BYTES:
                    await self._save(file.fileno())
                    synced = self.received

            try:
                yield write
            finally:
                await asyncio.shield(self._save(file.fileno()))

    async def _save(self, descriptor: int) -> None:
        await asyncio.to_thread(os.fsync, descriptor)
        self.receipt = replace(self.receipt, received=self.received)
        await asyncio.to_thread(self.partial.write, self.receipt)

    def check_length(self, opening: Opening) -> None:
        if opening.total is not None and self.received < opening.total:
            raise PassingFault("cut_off", "The connection ended before the file did.")
        if opening.total is not None and self.received > opening.total:
            raise PassingFault("too_long", "The server sent more bytes than it announced.")


def _check_link(response: httpx.Response, located: Located) -> None:
    """A hub redirects to a signed address that is good for an hour. The next attempt asks for a new one."""
    redirected = origin(str(response.url)) != origin(located.url)
    if redirected and response.status_code in (401, 403):
        raise PassingFault("link_expired", "The hub's link to the file has expired.")


def read_opening(response: httpx.Response, asked_from: int, known_total: int | None) -> Opening:
    """Decide from status and headers where the body belongs. Never appends to a whole file.

    Raises a fault when the answer is an error, is compressed, or does not fit what is known.
    """
    check_answer(response)
    headers = response.headers
    if headers.get("content-encoding", "identity") not in ("", "identity"):
        raise PassingFault("compressed", "The server compressed the file although it was asked not to.")
    if response.status_code == 206:
        opening = _opening_of_range(headers.get("content-range", ""), asked_from)
    else:
        length = headers.get("content-length", "")
        opening = Opening(start=0, total=int(length) if length.isdigit() else None)
    if None not in (known_total, opening.total) and opening.total != known_total:
        raise PassingFault(
            "wrong_length", f"The hub promised {known_total} bytes, the server announces {opening.total}."
        )
    return opening if opening.total is not None else replace(opening, total=known_total)


def _opening_of_range(content_range: str, asked_from: int) -> Opening:
    match = CONTENT_RANGE.match(content_range)
    if not match or int(match[1]) != asked_from:
        raise PassingFault(
            "wrong_range", f"The server sent another part of the file than was asked for ({content_range})."
        )
    total = None if match[3] == "*" else int(match[3])
    if total is not None and int(match[2]) != total - 1:
        raise PassingFault("wrong_range", "The server sent less than the rest of the file.")
    return Opening(start=asked_from, total=total)


def _resume_point(partial: Partial, transfer: Transfer, located: Located) -> Receipt:
    """What an earlier attempt left, if it is the same content; else a receipt for nothing."""
    fresh = Receipt(
        url=transfer.url,
        received=0,
        bytes=located.bytes,
        sha256=transfer.sha256 or located.sha256,
        identity=located.identity,
        validator=None,
        preset=transfer.preset,
    )
    earlier = partial.read()
    if earlier is None or earlier.url != fresh.url or not (earlier.validator or earlier.identity):
        return fresh
    if earlier.identity != fresh.identity or (fresh.bytes is not None and earlier.received > fresh.bytes):
        return fresh
    return replace(
        fresh, received=earlier.received, validator=earlier.validator, bytes=fresh.bytes or earlier.bytes
    )


def _range_headers(receipt: Receipt) -> dict[str, str]:
    if not receipt.received:
        return {}
    headers = {"Range": f"bytes={receipt.received}-"}
    if receipt.validator:
        headers["If-Range"] = receipt.validator
    return headers


def _validator(headers: Mapping[str, str]) -> str | None:
    """A strong ETag, else the date. Weak ETags must not be used with ranges (RFC 9110, 13.1.5)."""
    etag = headers.get("etag", "")
    if etag.startswith('"'):
        return etag
    return headers.get("last-modified") or None


@asynccontextmanager
async def _opened(path: Path, *, keep: bool) -> AsyncIterator[AsyncFileIO]:
    """The file for writing, unbuffered. Closed even when the transfer is cancelled while it is being opened."""
    mode: Literal["r+b", "wb"] = "r+b" if keep else "wb"
    opening = asyncio.ensure_future(aiofiles.open(path, mode, buffering=0))
    try:
        file = await asyncio.shield(opening)
    except asyncio.CancelledError:
        await (await opening).close()
        raise
    try:
        yield file
    finally:
        await file.close()


async def _settle(body: _Body, transfer: Transfer, located: Located) -> Arrived:
    """Verify the content and give it its name."""
    digest = body.hash.hexdigest()
    verification = await _verify(body, transfer.sha256 or located.sha256, located.git_sha1)
    await asyncio.to_thread(formats.check_complete, body.partial.part, body.partial.target.name)
    try:
        await asyncio.to_thread(body.partial.finish)
    except FileExistsError:
        raise LastingFault(
            "file_exists",
            f"A file called {transfer.filename} appeared in {transfer.folder} meanwhile. Nothing was overwritten.",
        ) from None
    return Arrived(bytes=body.received, sha256=digest, verification=verification)


async def _verify(body: _Body, sha256: str | None, git_sha1: str | None) -> Verification:
    if sha256:
        expected, found = sha256, body.hash.hexdigest()
    elif git_sha1:
        expected, found = git_sha1, await asyncio.to_thread(_git_sha1, body.partial.part, body.received)
    else:
        return Verification.UNVERIFIED
    if expected == found:
        return Verification.VERIFIED
    await asyncio.to_thread(body.partial.reject)
    raise WrongContent(
        "hash_mismatch",
        f"The content is not the promised one (expected {expected[:12]}…, got {found[:12]}…). "
        "It was put aside and not installed. Retry to fetch it again, or cancel to delete it.",
    )


def _hash_beginning(path: Path, length: int) -> "hashlib._Hash":
    digest = hashlib.sha256()
    if length:
        with path.open("rb") as file:
            while length > 0 and (piece := file.read(min(HASH_BYTES, length))):
                digest.update(piece)
                length -= len(piece)
    return digest


def _git_sha1(path: Path, size: int) -> str:
    """Only small files have one, so it is read whole."""
    return hashlib.sha1(b"blob %d\0" % size + path.read_bytes(), usedforsecurity=False).hexdigest()


@contextmanager
def _plain_faults() -> Iterator[None]:
    """Say what libraries and the operating system raise in our own words."""
    try:
        yield
    except TimeoutError:
        raise PassingFault("no_answer", "The server does not answer.") from None
    except httpx.HTTPError:
        raise PassingFault(
            "connection_lost", "The connection failed. Is the server reachable from this pod?"
        ) from None
    except OSError as error:
        if error.errno in FULL_DISK:
            raise NoSpace("disk_full", "The disk is full. Free some space, then resume.") from None
        raise LastingFault(
            "disk_error", f"The file cannot be written: {error.strerror}. Check the volume."
        ) from None
