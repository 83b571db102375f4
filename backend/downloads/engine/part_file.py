"""The open `.part` file of one attempt.

Several connections may write at any offset at once. The hash follows from the front: a thread reads back what was just
written, from the page cache, so that hashing needs no second pass over the disk. After a resume it starts again at the
first byte while new bytes arrive.
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

from backend.core.async_tools import cancel_and_wait, run_to_completion
from backend.core.files import write_all
from backend.downloads.engine.byte_ranges import ByteRanges, add, length, prefix
from backend.downloads.engine.models import Progress
from backend.downloads.engine.resume_state import PartialFile, ResumeState
from backend.sources import formats

log = structlog.get_logger(__name__)

SAVE_SECONDS = 2.0
READ_BYTES = 2**20
# How much one call of the hash thread reads. Between two calls it can be cancelled.
HASH_STEP = 2**25

P = ParamSpec("P")
T = TypeVar("T")


class PartFile:
    """Writes and hashes the bytes, and keeps the resume state current. Use `open_part_file`."""

    def __init__(
        self,
        partial: PartialFile,
        state: ResumeState,
        progress: Progress,
        descriptor: int,
        threads: Executor,
    ):
        self.partial = partial
        self.state = state
        self.ranges: ByteRanges = state.ranges
        self._progress = progress
        self._descriptor = descriptor
        self._threads = threads
        self._pending: set[Future[Any]] = set()
        self._saved = state
        self._saving = asyncio.Lock()
        # What is on disk, if anything, does not belong to the content that this attempt fetches.
        self._invalid = not state.ranges
        self._hash = hashlib.sha256()
        self._hashed = 0
        self._written = asyncio.Event()
        self._complete = False
        self._hashing = asyncio.create_task(self._hash_written())
        self._autosave = asyncio.create_task(self._save_regularly())

    @property
    def name(self) -> str:
        """The final name of the file."""
        return self.partial.target.name

    @property
    def received(self) -> int:
        return length(self.ranges)

    @property
    def is_complete(self) -> bool:
        return self.received == self.state.bytes

    @property
    def reusable_bytes(self) -> int:
        """Bytes of the file that need no more disk space: valid ones, or invalid ones that will be overwritten."""
        return os.fstat(self._descriptor).st_blocks * 512 if self._invalid else self.received

    async def write(self, offset: int, chunks: Sequence[bytes]) -> None:
        """Write `chunks` at `offset`. Raise PermanentError when the file begins like something else."""
        if offset == 0:
            formats.check_beginning(self.name, b"".join(chunks)[:64])
        await self._in_thread(write_all, self._descriptor, chunks, offset)
        self.ranges = add(self.ranges, offset, offset + sum(map(len, chunks)))
        self._written.set()

    async def set_source(self, size: int | None, validator: str | None) -> None:
        """Save what the server says about the content, so that another pod can resume."""
        self.state = replace(self.state, bytes=size, validator=validator)
        await self.save()

    def invalidate(self, reason: str) -> None:
        """Stop using what is on disk. It is deleted only when a server begins to send the requested content."""
        log.info("discarding a partial download", file=self.name, bytes=self.received, reason=reason)
        self._invalid = True
        self.ranges = ()
        self.state = replace(self.state, ranges=(), validator=None, bytes=None)

    async def truncate_if_invalid(self) -> None:
        """Delete invalid bytes. Call this when a server begins to send the requested content."""
        if not self._invalid:
            return
        await self._stop_hashing()
        self._invalid, self._hash, self._hashed = False, hashlib.sha256(), 0
        self._progress.received = self._progress.hashed = 0
        await self._in_thread(os.ftruncate, self._descriptor, 0)
        self._hashing = asyncio.create_task(self._hash_written())

    async def digest(self) -> str:
        """Return the SHA-256 of the file, which must be complete."""
        await self.truncate_if_invalid()  # the complete file is empty
        self._complete = True
        self._written.set()
        await self._hashing
        return self._hash.hexdigest()

    async def save(self) -> None:
        """Sync the bytes to disk, then list them in the resume state."""
        async with self._saving:
            ranges = self.ranges
            await self._in_thread(os.fsync, self._descriptor)
            self.state = replace(self.state, ranges=ranges)
            await self._in_thread(self.partial.write, self.state)
            self._saved = self.state

    async def close(self) -> None:
        """Save what was received and close the file once no thread uses it. An empty file is deleted."""
        await cancel_and_wait(self._autosave)
        await self._stop_hashing()
        try:
            if self._is_empty():
                await self._in_thread(self.partial.delete_part)
            elif not self._invalid:  # else no server had the requested content: the earlier bytes stay
                self.state = replace(self.state, writer=None)
                await self.save()
        finally:
            await self._in_thread(os.close, self._descriptor)

    def _is_empty(self) -> bool:
        if self._invalid:
            return os.fstat(self._descriptor).st_size == 0
        return not self.ranges and not self._complete

    async def _save_regularly(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            if self.ranges != self._saved.ranges and not self._invalid:
                with suppress(OSError):  # a full disk is reported where bytes are written
                    await self.save()

    async def _hash_written(self) -> None:
        while True:
            self._written.clear()
            while (stop := min(prefix(self.ranges), self._hashed + HASH_STEP)) > self._hashed:
                await self._in_thread(_hash_range, self._descriptor, self._hash, self._hashed, stop)
                self._hashed = stop
                self._progress.set_hashed(stop)
            if self._complete:
                return
            await self._written.wait()

    async def _stop_hashing(self) -> None:
        """Cancel the task, then wait for its thread, which a cancellation does not stop."""
        await cancel_and_wait(self._hashing)
        await asyncio.to_thread(wait, set(self._pending))

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        future = self._threads.submit(work, *args, **kwargs)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return await asyncio.wrap_future(future)


@asynccontextmanager
async def open_part_file(
    partial: PartialFile, state: ResumeState, progress: Progress, threads: Executor
) -> AsyncIterator[PartFile]:
    """Open the part file that `state` describes. However the block ends, what was received is saved."""
    opening = asyncio.wrap_future(threads.submit(partial.open))
    try:
        descriptor = await asyncio.shield(opening)
    except asyncio.CancelledError:
        os.close(await opening)
        raise
    file = PartFile(partial, state, progress, descriptor, threads)
    try:
        yield file
    finally:
        await run_to_completion(file.close())


def _hash_range(descriptor: int, digest: "hashlib._Hash", start: int, stop: int) -> None:
    buffer = memoryview(bytearray(min(READ_BYTES, stop - start)))
    while start < stop:
        count = os.preadv(descriptor, [buffer[: stop - start]], start)
        if count == 0:
            raise OSError(errno.EIO, "the file became shorter while it was being written")
        digest.update(buffer[:count])
        start += count
