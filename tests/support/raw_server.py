"""A server that sends exactly the bytes that a test chooses, valid HTTP or not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class RawRequest:
    method: str
    path: str
    # By name in lower case.
    headers: dict[str, str]


Respond = Callable[[RawRequest], bytes]


@dataclass(kw_only=True)
class RawServer:
    host: str
    requests: list[RawRequest] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}"


@asynccontextmanager
async def raw_server(respond: Respond) -> AsyncIterator[RawServer]:
    """Answer every request with `respond`, then close the connection."""
    running = RawServer(host="")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        request = RawRequest(method=method, path=path, headers=headers)
        running.requests.append(request)
        writer.write(respond(request))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    running.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield running


def whole_file(content: bytes, *headers: str) -> bytes:
    """Return a response that ignores ranges."""
    lines = ("HTTP/1.1 200 OK", f"Content-Length: {len(content)}", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def ranged(request: RawRequest, content: bytes, *headers: str) -> bytes:
    """Return the requested range of a file."""
    asked = request.headers.get("range")
    if asked is None:
        return whole_file(content, *headers)
    first, last = asked.removeprefix("bytes=").split("-")
    start, stop = int(first), min(int(last) + 1, len(content))
    lines = (
        "HTTP/1.1 206 Partial Content",
        f"Content-Length: {stop - start}",
        f"Content-Range: bytes {start}-{stop - 1}/{len(content)}",
        *headers,
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content[start:stop]
