"""Brings the missing parts of one file over several connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

from backend.downloads.engine.byte_ranges import gaps
from backend.downloads.engine.part_file import PartFile
from backend.downloads.engine.redirects import Link
from backend.downloads.engine.responses import (
    RangeResponse,
    check_promise,
    check_same_content,
    range_headers,
    read_response,
)
from backend.downloads.engine.segments import Segment, SegmentPlan, connections_for
from backend.downloads.engine.throttle import Throttle
from backend.downloads.models import Progress
from backend.sources import formats
from backend.sources.errors import TemporaryError

# The first request asks for no more than this: enough for the header of a model file, from which it is judged.
LOOK_BYTES = 2**20
BATCH_BYTES = 2**18
BATCH_CHUNKS = 1000  # the system takes 1024 buffers in one write
NO_LIMIT = 2**63


@dataclass(frozen=True, kw_only=True)
class FetchLimits:
    """How patient a fetch is."""

    stall_seconds: float = 30.0
    answer_seconds: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all transfers have in common."""

    limits: FetchLimits
    throttle: Throttle
    # One for every connection that may be open at the same time, over all transfers.
    places: asyncio.Semaphore


class ParallelDownload:
    """One attempt: a look at the beginning over one connection, then the rest over as many as it deserves."""

    def __init__(
        self,
        link: Link,
        file: PartFile,
        progress: Progress,
        check_room: Callable[[int], None],
        shared: Shared,
    ):
        self._link = link
        self._file = file
        self._progress = progress
        self._check_room = check_room
        self._limits = shared.limits
        self._throttle = shared.throttle
        self._places = shared.places
        self._fault: Exception | None = None

    async def look(self) -> bool:
        """Fetch the first missing bytes, and so learn what the server has and can do.

        False when it sent the whole file at once, which is then here. Raises `ContentChanged`.
        """
        receipt = self._file.receipt
        (start, stop), *_ = gaps(self._file.spans, receipt.bytes or NO_LIMIT)
        stop = min(stop, start + LOOK_BYTES)
        async with self._asking(range_headers(start, stop, receipt)) as response:
            opening = read_response(response, start)
            self._judge(opening, response)
            if self._file.spans:
                check_same_content(opening, receipt)
            if not opening.ranged:
                await self._take_whole(opening, response)
                return False
            await self._file.begin()
            await self._file.describe(opening.size, opening.validator)
            await self._bring(response, Segment(start, min(stop, opening.stop or stop)))
        return True

    async def take_whole(self) -> None:
        """The whole file over one connection, from a server that gives no parts, or none that can be trusted."""
        async with self._asking({}) as response:
            opening = read_response(response, 0)
            self._judge(opening, response)
            await self._take_whole(opening, response)

    async def run(self, size: int) -> None:
        """Fetch everything that is missing. Raises the last connection's fault when none is left."""
        plan = SegmentPlan(gaps(self._file.spans, size), size)
        lanes = connections_for(plan.left, self._throttle.connections)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(lanes):
                    group.create_task(self._lane(plan))
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None
        if self._file.received < size:
            raise self._fault or _cut_off()

    async def _lane(self, plan: SegmentPlan) -> None:
        """Fetch piece after piece. When the connection fails, the other lanes take over what it leaves."""
        while piece := plan.take():
            try:
                async with self._places:
                    await self._fetch(piece)
            except (TemporaryError, httpx.HTTPError, TimeoutError) as fault:
                plan.give_back(piece)
                self._fault = fault
                return
            plan.done(piece)

    async def _fetch(self, piece: Segment) -> None:
        receipt = self._file.receipt
        async with self._asking(range_headers(piece.at, piece.stop, receipt)) as response:
            check_same_content(read_response(response, piece.at), receipt)
            await self._bring(response, piece)

    @asynccontextmanager
    async def _asking(self, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(self._limits.answer_seconds):
                response = await stack.enter_async_context(self._link.open(headers))
            self._progress.connections += 1
            stack.callback(self._one_less)
            yield response

    def _one_less(self) -> None:
        self._progress.connections -= 1

    def _judge(self, opening: RangeResponse, response: httpx.Response) -> None:
        """Refuse what cannot be the file, or cannot be held, before more of it comes."""
        formats.check_content_type(self._file.name, response.headers.get("content-type", ""))
        check_promise(opening, self._link.promised)
        self._progress.total = opening.size
        if opening.size is not None:
            self._check_room(opening.size - self._file.occupied)

    async def _take_whole(self, opening: RangeResponse, response: httpx.Response) -> None:
        await self._file.begin()
        await self._file.describe(opening.size, opening.validator)
        if opening.size is not None:
            await self._bring(response, Segment(0, opening.size))
            return
        endless = Segment(0, NO_LIMIT)
        await self._read(response, endless)
        await self._file.describe(endless.at, opening.validator)

    async def _bring(self, response: httpx.Response, piece: Segment) -> None:
        await self._read(response, piece)
        if piece.left:
            raise _cut_off()

    async def _read(self, response: httpx.Response, piece: Segment) -> None:
        """Write what arrives until the piece is whole or the body ends."""
        chunks = response.aiter_raw()
        batch = Batch(self._file, piece.at)
        try:
            while piece.left and (chunk := await self._next(chunks)):
                chunk = chunk[: piece.left]
                piece.at += len(chunk)
                self._progress.add(len(chunk))
                await batch.add(chunk)
                await self._throttle.take(len(chunk))
        finally:  # what came before the line broke need not come again
            await batch.flush()

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout(self._limits.stall_seconds):
                return await anext(chunks, None)
        except TimeoutError:
            raise TemporaryError("stalled", "No byte arrived for a while.") from None


class Batch:
    """Gathers chunks, so that each trip to a thread is worth it."""

    def __init__(self, file: PartFile, at: int):
        self._file = file
        self._at = at
        self._chunks: list[bytes] = []
        self._bytes = 0

    async def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._bytes += len(chunk)
        if self._bytes >= BATCH_BYTES or len(self._chunks) >= BATCH_CHUNKS:
            await self.flush()

    async def flush(self) -> None:
        chunks, at = self._chunks, self._at
        if not chunks:
            return
        self._chunks, self._at, self._bytes = [], at + self._bytes, 0
        if at == 0:
            formats.check_beginning(self._file.name, b"".join(chunks)[:64])
        await self._file.write(at, chunks)


def _cut_off() -> TemporaryError:
    return TemporaryError("cut_off", "The connection ended before the file did.")
