"""Deliver one response with content: its bytes, headers, speed and end."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from aiohttp import web
from multidict import CIMultiDict

from tests.support.hub.content import Content
from tests.support.hub.gates import Gate, Latch
from tests.support.hub.ranges import Unsatisfiable, wanted_range

CHUNK = 256 * 1024
LAST_MODIFIED = "Sun, 01 Nov 2026 12:00:00 GMT"


class Ending(Enum):
    WHOLE = auto()
    CLOSE = auto()
    RESET = auto()


@dataclass(frozen=True, kw_only=True)
class Served:
    """A file as it is served under one URL."""

    # the key for faults and gates
    key: str
    content: Content
    # without quotes
    etag: str
    content_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Delivery:
    """The plan for one response. A fault may change it before the first byte is sent."""

    status: int
    headers: CIMultiDict[str]
    content: Content
    start: int
    stop: int
    # the Content-Length; None sends chunks without one
    declared: int | None
    # how many bytes are really sent, and what happens after the last
    sending: int
    ending: Ending = Ending.WHOLE
    # bytes per second of this connection
    rate: float | None = None
    # wait here, after so many bytes, until the latch is set
    pause: tuple[int, Callable[[], None], Latch] | None = None

    def whole_file(self) -> None:
        self.status, self.start, self.stop = 200, 0, self.content.size
        self.declared = self.sending = self.content.size
        self.headers.pop("Content-Range", None)


def plan(request: web.Request, file: Served) -> Delivery:
    """Return the response of a correct server. Raise the 416 of an invalid range."""
    size, etag = file.content.size, f'"{file.etag}"'
    headers = CIMultiDict(
        {
            "Content-Type": file.content_type,
            "ETag": etag,
            "Last-Modified": LAST_MODIFIED,
            "Accept-Ranges": "bytes",
            **file.headers,
        }
    )
    try:
        wanted = wanted_range(request.headers, size, etag, LAST_MODIFIED)
    except Unsatisfiable:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"}) from None
    start, stop = wanted or (0, size)
    if wanted:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    length = stop - start
    return Delivery(
        status=206 if wanted else 200,
        headers=headers,
        content=file.content,
        start=start,
        stop=stop,
        declared=length,
        sending=length,
    )


async def send(request: web.Request, delivery: Delivery, gate: Gate | None) -> web.StreamResponse:
    response = web.StreamResponse(status=delivery.status, headers=delivery.headers)
    if delivery.declared is not None:
        response.content_length = delivery.declared
    if delivery.ending is not Ending.WHOLE:
        response.force_close()
    with contextlib.suppress(ConnectionResetError):  # clients may disconnect at any time
        await response.prepare(request)
        if request.method != "HEAD":
            await _send_body(response, delivery, gate)
            await _end(request, response, delivery)
    return response


async def _send_body(response: web.StreamResponse, delivery: Delivery, gate: Gate | None) -> None:
    clock = asyncio.get_running_loop().time
    began, sent = clock(), 0
    chunk = _chunk_size(delivery.rate)
    while sent < delivery.sending:
        wanted = min(chunk, delivery.sending - sent)
        if delivery.pause is not None:
            wanted = await _observe_pause(delivery, sent, wanted)
        if gate is not None:
            wanted = await gate.admit(wanted)
        await response.write(delivery.content.view(delivery.start + sent, wanted))
        sent += wanted
        if delivery.rate is not None:
            await asyncio.sleep(began + sent / delivery.rate - clock())


async def _observe_pause(delivery: Delivery, sent: int, wanted: int) -> int:
    assert delivery.pause is not None
    after, announce, latch = delivery.pause
    if sent < after:
        return min(wanted, after - sent)
    announce()
    await latch.wait()
    delivery.pause = None
    return wanted


async def _end(request: web.Request, response: web.StreamResponse, delivery: Delivery) -> None:
    if delivery.ending is Ending.RESET:
        reset(request)
    elif delivery.ending is Ending.CLOSE and delivery.sending == 0:
        # If nothing was written, the headers have not been sent either.
        await response.write(b"")


def _chunk_size(rate: float | None) -> int:
    """Return a chunk size with which a throttled connection sends twenty times a second."""
    return CHUNK if rate is None else max(1, min(CHUNK, int(rate / 20)))


def reset(request: web.Request) -> None:
    """End the connection with RST instead of FIN: the client's next read fails."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
