"""Downloads the missing bytes of one file over several connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

from backend.downloads.engine.attempt import Attempt, different_file
from backend.downloads.engine.byte_ranges import end, gaps, prefix
from backend.downloads.engine.connections import Connection, ConnectionShare
from backend.downloads.engine.decoding import decoded
from backend.downloads.engine.part_file import PartFile
from backend.downloads.engine.responses import (
    CompressedRange,
    ContentChanged,
    RangeResponse,
    UnsatisfiableRange,
    check_same_content,
    check_size,
    range_headers,
    read_response,
)
from backend.downloads.engine.segments import Segment, SegmentPlan, connections_for
from backend.downloads.engine.signed_url import SignedUrlSource
from backend.downloads.engine.throttle import Throttle
from backend.sources import formats
from backend.sources.errors import PermanentError, TemporaryError

# The first request asks for no more than this: enough for the header of a model file, which is then checked.
FIRST_REQUEST_BYTES = 2**20
BATCH_BYTES = 2**18
BATCH_CHUNKS = 1000  # the system accepts 1024 buffers in one write
UNKNOWN_SIZE = 2**63


@dataclass(frozen=True, kw_only=True)
class FetchLimits:
    """How long a download waits for a server."""

    stall_seconds: float = 30.0
    answer_seconds: float = 60.0


class Download:
    """One attempt: a first request over one connection, then the rest over as many as it is worth."""

    def __init__(
        self,
        attempt: Attempt,
        source: SignedUrlSource,
        file: PartFile,
        share: ConnectionShare,
        throttle: Throttle,
        limits: FetchLimits,
        check_space: Callable[[int], None],
    ):
        self._attempt = attempt
        self._source = source
        self._file = file
        self._progress = attempt.progress
        self._share = share
        self._throttle = throttle
        self._limits = limits
        self._check_space = check_space
        self._last_error: TemporaryError | None = None

    async def start(self) -> bool:
        """Send the first request. Return False when the whole file is on disk then.

        Bytes on disk are discarded when the server has other content; where a hash is expected, two responses must
        agree on that.
        """
        tries = 2 if self._file.ranges and self._attempt.sha256 else 1
        for _ in range(tries):
            try:
                return await self._first_request()
            except CompressedRange:
                return await self._restart_as_whole("the server compresses ranges")
            except ContentChanged as error:
                change = error
        if (
            isinstance(change, UnsatisfiableRange)
            and change.size == end(self._file.ranges) == self._file.received
        ):
            await self._file.set_source(change.size, self._file.state.validator)  # the file is complete
            return False
        if self._attempt.is_alternative and change.size not in (None, self._file.state.bytes):
            raise different_file()
        self._file.invalidate(change.message)
        try:
            return await self._first_request()
        except UnsatisfiableRange:
            return await self._restart_as_whole("the server has no ranges of it")

    async def fetch_missing(self) -> None:
        """Fetch everything that is missing. Raise the last connection's error when all have failed."""
        size = self._file.state.bytes
        if size is None or not self._file.state.is_identifiable:
            await self._restart_as_whole("nothing shows whether two parts belong to the same content")
            return
        await self._check_header(size)
        plan = SegmentPlan(gaps(self._file.ranges, size), size)
        self._share.wanted = connections_for(plan.free_bytes, self._throttle.connections)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._share.wanted):
                    group.create_task(self._fetch_segments(plan))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if not self._file.is_complete:
            raise self._last_error or cut_off()

    async def _fetch_segments(self, plan: SegmentPlan) -> None:
        """Fetch segment after segment over one connection. When it fails, the others take over the rest."""
        while True:
            async with self._share.connection() as connection:
                if not (segment := plan.take()):
                    return
                state = self._file.state
                try:
                    async with self._request(range_headers(segment.offset, segment.stop, state)) as response:
                        check_same_content(read_response(response, segment.offset), state)
                        await self._receive(response.aiter_raw(), segment, connection)
                except TemporaryError as error:
                    plan.put_back(segment)
                    self._last_error = error
                    return
                if segment.remaining:  # another download needs the connection
                    plan.put_back(segment)
                else:
                    plan.finish(segment)

    async def _receive(
        self, chunks: AsyncIterator[bytes], segment: Segment, connection: Connection | None = None
    ) -> None:
        """Write what arrives until the segment is complete or `connection` must close."""
        batch: list[bytes] = []
        batch_bytes = 0
        try:
            while segment.remaining and (chunk := await self._next(chunks)):
                chunk = chunk[: segment.remaining]
                batch.append(chunk)
                batch_bytes += len(chunk)
                segment.offset += len(chunk)
                self._progress.add(len(chunk))
                if batch_bytes >= BATCH_BYTES or len(batch) >= BATCH_CHUNKS:
                    written, batch, length, batch_bytes = batch, [], batch_bytes, 0
                    await self._file.write(segment.offset - length, written)
                    if connection and connection.must_close():
                        return
                await self._throttle.wait_for(len(chunk))
        finally:  # what was received before an error need not be sent again
            if batch:
                await self._file.write(segment.offset - batch_bytes, batch)
        if segment.remaining and segment.stop != UNKNOWN_SIZE:
            raise cut_off()

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout(self._limits.stall_seconds):
                return await anext(chunks, None)
        except TimeoutError:
            raise TemporaryError("stalled", "The server stopped sending.") from None

    async def _first_request(self) -> bool:
        """Fetch the first missing bytes, which shows what the server has and supports.

        Return False when it sent the whole file. Raise ContentChanged when it has other content than is on disk.
        """
        state = self._file.state
        (start, stop), *_ = gaps(self._file.ranges, state.bytes or UNKNOWN_SIZE)
        stop = min(stop, start + FIRST_REQUEST_BYTES)
        async with self._share.connection(), self._request(range_headers(start, stop, state)) as response:
            announced = read_response(response, start)
            self._check_announced(announced, response)
            if self._file.ranges:
                check_same_content(announced, state)
            if not announced.is_partial:
                await self._receive_whole(announced, response)
                return False
            await self._file.truncate_if_invalid()
            await self._file.set_source(announced.size, announced.validator)
            await self._receive(response.aiter_raw(), Segment(start, min(stop, announced.stop or stop)))
        return True

    async def _restart_as_whole(self, reason: str) -> bool:
        """Fetch the whole file over one connection, from a server without usable ranges. Return False."""
        self._file.invalidate(reason)
        async with self._share.connection(), self._request({}) as response:
            announced = read_response(response, 0)
            self._check_announced(announced, response)
            await self._receive_whole(announced, response)
        return False

    async def _receive_whole(self, announced: RangeResponse, response: httpx.Response) -> None:
        await self._file.truncate_if_invalid()
        await self._file.set_source(announced.size, announced.validator)
        chunks = response.aiter_raw()
        size = announced.size if announced.size is not None else self._source.published_size
        segment = Segment(0, UNKNOWN_SIZE if size is None else size)
        await self._receive(decoded(chunks) if announced.is_compressed else chunks, segment)
        if announced.size is None:
            await self._file.set_source(segment.offset, announced.validator)

    @asynccontextmanager
    async def _request(self, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._limits.answer_seconds):
                    response = await stack.enter_async_context(self._source.get(headers))
            except TimeoutError:
                raise TemporaryError("no_answer", "The server does not answer.") from None
            self._progress.connections += 1
            stack.callback(self._count_closed)
            yield response

    def _count_closed(self) -> None:
        self._progress.connections -= 1

    def _check_announced(self, announced: RangeResponse, response: httpx.Response) -> None:
        """Refuse what cannot be the file, or does not fit on the disk, before its body is read."""
        formats.check_content_type(self._file.name, response.headers.get("content-type", ""))
        check_size(announced, self._source.published_size)
        size = announced.size if announced.size is not None else self._source.published_size
        self._progress.total = size
        if size is not None:
            self._check_space(size - self._file.reusable_bytes)

    async def _check_header(self, size: int) -> None:
        """Discard a file whose first bytes show that it is not the model that its name says."""
        part, known = self._file.partial.part, prefix(self._file.ranges)
        try:
            await asyncio.to_thread(formats.check_header, part, self._file.name, known, size)
        except PermanentError as error:
            self._file.invalidate(error.message)
            await self._file.truncate_if_invalid()
            raise


def cut_off() -> TemporaryError:
    return TemporaryError("cut_off", "The connection ended before the file did.")
