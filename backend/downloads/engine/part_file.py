"""The open `.part` file of one attempt.

Bytes may be written anywhere, by several connections at once. The hash follows from the front: it reads what was just
written back from the page cache, in a thread, so it costs no second pass over the disk, and after a resume it simply
starts at the first byte again while new ones arrive.
"""

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

import structlog

from backend.core.async_tools import run_to_completion
from backend.downloads.engine.byte_ranges import ByteRanges, add, covered, prefix
from backend.downloads.engine.resume_state import PartialFile, ResumeState
from backend.downloads.models import Progress

log = structlog.get_logger(__name__)

SAVE_SECONDS = 2.0
HASH_BYTES = 2**20
# How much the hash takes on before it looks whether it is still wanted.
HASH_STEP = 2**25

P = ParamSpec("P")
T = TypeVar("T")


class PartFile:
    """Writes, hashes and keeps the receipt true. Use `opened`."""

    def __init__(
        self,
        partial: PartialFile,
        receipt: ResumeState,
        progress: Progress,
        descriptor: int,
        threads: Executor,
    ):
        self.partial = partial
        self.receipt = receipt
        self.spans: ByteRanges = receipt.spans
        self._progress = progress
        self._descriptor = descriptor
        self._threads = threads
        self._pending: set[Future[Any]] = set()
        self._saved = receipt
        self._saving = asyncio.Lock()
        # What the file holds, if anything, is of no use to this attempt, and maybe to the next.
        self._disowned = not receipt.spans
        self._hash = hashlib.sha256()
        self._hashed = 0
        self._grown = asyncio.Event()
        self._whole = False
        self._follower = asyncio.create_task(self._follow())
        self._keeper = asyncio.create_task(self._save_regularly())

    @property
    def name(self) -> str:
        """The name that the file will have."""
        return self.partial.target.name

    @property
    def received(self) -> int:
        return covered(self.spans)

    @property
    def occupied(self) -> int:
        """Bytes that need no more room: they are here, or make room for others."""
        return os.fstat(self._descriptor).st_blocks * 512 if self._disowned else self.received

    async def write(self, at: int, batch: Sequence[bytes]) -> None:
        """Put `batch` at offset `at`."""
        length = sum(map(len, batch))
        await self._in_thread(_write_all, self._descriptor, batch, at)
        self.spans = add(self.spans, at, at + length)
        self._grown.set()

    async def describe(self, size: int | None, validator: str | None) -> None:
        """Note what the server said, so that another pod can go on from here."""
        self.receipt = replace(self.receipt, bytes=size, validator=validator)
        await self.save()

    def disown(self, reason: str) -> None:
        """What is here is of another content. It stays on disk until a server begins to send the wanted one."""
        log.info("part file is of no use", file=self.name, bytes=self.received, reason=reason)
        self._disowned = True
        self.spans = ()
        self.receipt = replace(self.receipt, spans=(), validator=None, bytes=None)

    async def begin(self) -> None:
        """A server sends what is wanted. The only place where bytes go: those that were disowned."""
        if not self._disowned:
            return
        await self._stop_following()
        self._disowned, self._hash, self._hashed = False, hashlib.sha256(), 0
        self._progress.received = self._progress.checked = 0
        await self._in_thread(os.ftruncate, self._descriptor, 0)
        self._follower = asyncio.create_task(self._follow())

    async def digest(self) -> str:
        """The sha256 of the file, which is whole now."""
        self._whole = True
        self._grown.set()
        await self._follower
        return self._hash.hexdigest()

    async def save(self) -> None:
        """Sync the bytes, then say in the receipt that they are there."""
        async with self._saving:
            spans = self.spans
            await self._in_thread(os.fsync, self._descriptor)
            self.receipt = replace(self.receipt, spans=spans)
            await self._in_thread(self.partial.write, self.receipt)
            self._saved = self.receipt

    async def close(self) -> None:
        """Save what has arrived and let go of the file, once no thread uses it any more. Nothing leaves nothing."""
        self._keeper.cancel()
        await self._stop_following()
        try:
            if self._is_empty():
                await self._in_thread(self.partial.drop)
            elif self._disowned:
                pass  # no server had anything better
            else:
                self.receipt = replace(self.receipt, writer=None)
                await self.save()
        finally:
            await self._in_thread(os.close, self._descriptor)

    def _is_empty(self) -> bool:
        """Nothing of use is in the file, and nothing that somebody may still want."""
        if self._disowned:
            return os.fstat(self._descriptor).st_size == 0
        return not self.spans and not self._whole

    async def _save_regularly(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            if self.spans != self._saved.spans and not self._disowned:
                with suppress(OSError):  # a full disk shows where bytes are written
                    await self.save()

    async def _follow(self) -> None:
        while True:
            self._grown.clear()
            while (stop := min(prefix(self.spans), self._hashed + HASH_STEP)) > self._hashed:
                await self._in_thread(_hash_span, self._descriptor, self._hash, self._hashed, stop)
                self._hashed = stop
                self._progress.check(stop)
            if self._whole:
                return
            await self._grown.wait()

    async def _stop_following(self) -> None:
        """Cancelling a task does not stop the thread that it waits for."""
        self._follower.cancel()
        await asyncio.gather(self._follower, return_exceptions=True)
        await asyncio.to_thread(wait, set(self._pending))

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        future = self._threads.submit(work, *args, **kwargs)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return await asyncio.wrap_future(future)


@asynccontextmanager
async def opened(
    partial: PartialFile, receipt: ResumeState, progress: Progress, threads: Executor
) -> AsyncIterator[PartFile]:
    """The part file that `receipt` speaks of, ready to go on. However the block ends, what has arrived is saved."""
    opening = asyncio.wrap_future(threads.submit(os.open, partial.part, os.O_RDWR | os.O_CREAT, 0o644))
    try:
        descriptor = await asyncio.shield(opening)
    except asyncio.CancelledError:
        os.close(await opening)
        raise
    file = PartFile(partial, receipt, progress, descriptor, threads)
    try:
        yield file
    finally:
        await run_to_completion(file.close())


def _write_all(descriptor: int, batch: Sequence[bytes], at: int) -> None:
    written = os.pwritev(descriptor, batch, at)
    if written < sum(map(len, batch)):  # an interrupted write, or the last bytes of a full disk
        rest = memoryview(b"".join(batch))
        while written < len(rest):
            written += os.pwrite(descriptor, rest[written:], at + written)


def _hash_span(descriptor: int, digest: "hashlib._Hash", start: int, stop: int) -> None:
    buffer = memoryview(bytearray(min(HASH_BYTES, stop - start)))
    while start < stop:
        count = os.preadv(descriptor, [buffer[: stop - start]], start)
        if count == 0:
            raise OSError(errno.EIO, "the file became shorter while it was being written")
        digest.update(buffer[:count])
        start += count
