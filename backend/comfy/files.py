"""Files that ComfyUI keeps: inputs are uploaded, outputs are downloaded."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from backend.comfy.errors import FileMissing, InvalidResponse, Rejected
from backend.comfy.outcomes import FileReference
from backend.comfy.transport import Transport
from backend.comfy.wire import as_dict
from backend.core.errors import InvalidRequest

CHUNK_BYTES = 256 * 1024
TOO_LARGE = 413
OUTSIDE_FILE = 416

Sink = Callable[[bytes], Awaitable[Any]]


@dataclass(frozen=True, kw_only=True)
class UploadedFile(FileReference):
    """Where ComfyUI keeps what was uploaded. The name differs from the wanted one where that was taken."""

    @property
    def widget_value(self) -> str:
        """Return what nodes such as `LoadImage` take."""
        path = f"{self.subfolder}/{self.filename}" if self.subfolder else self.filename
        return path if self.type == "input" else f"{path} [{self.type}]"


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file, or a range of it, that is being read."""

    media_type: str
    # The first byte: 0 also where the server ignores the range.
    start: int
    # How many bytes follow, and how many the whole file has; None where the server does not say.
    length: int | None
    size: int | None
    # Changes with the file.
    etag: str | None
    chunks: AsyncIterator[bytes]


class Files:
    def __init__(self, transport: Transport):
        self._transport = transport

    async def upload(
        self,
        content: Path | bytes,
        name: str,
        *,
        subfolder: str = "",
        type_: str = "input",
        overwrite: bool = False,
    ) -> UploadedFile:
        """Send a file of any kind. Put the name that comes back into the graph, not the one that was sent.

        The same content under the same name is stored once.
        """
        form = {"subfolder": subfolder, "type": type_, "overwrite": "true" if overwrite else "false"}
        with await asyncio.to_thread(_opened, content) as file:
            reply = await self._transport.send(
                "POST",
                "/upload/image",
                data=form,
                files={"image": (name, file, "application/octet-stream")},
                seconds=self._transport.timing.upload,
            )
        if reply.status == TOO_LARGE:
            raise Rejected(
                "The file is larger than ComfyUI's `--max-upload-size`.", upstream_status=TOO_LARGE
            )
        if not reply.is_success:
            raise reply.rejected()
        return _read_uploaded(as_dict(reply.json(), reply.request), reply.request)

    @asynccontextmanager
    async def open(
        self,
        file: FileReference,
        *,
        start: int = 0,
        end: int | None = None,
        preview: str | None = None,
    ) -> AsyncIterator[Download]:
        """Open a file from byte `start` to before byte `end`. Check `Download.start`: a server may ignore that.

        `preview` asks for a smaller picture, such as `webp;80`.
        """
        if start < 0 or (end is not None and end <= start):
            raise InvalidRequest("The range holds no bytes. Ask for at least one.")
        query = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}
        if preview:
            query["preview"] = preview
        headers = {}
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        async with self._transport.stream("GET", "/view", params=query, headers=headers) as response:
            _check_found(response, file)
            yield _describe(response)

    async def download(self, file: FileReference, sink: Sink) -> int:
        """Pass the whole file to `sink`, chunk by chunk, and return its size. Raise when it ends too early."""
        async with self.open(file) as download:
            size = 0
            async for chunk in download.chunks:
                await sink(chunk)
                size += len(chunk)
            if download.length is not None and size != download.length:
                raise InvalidResponse("GET /view", f"{size} of {download.length} bytes arrived")
            return size


def _opened(content: Path | bytes) -> BinaryIO:
    return content.open("rb") if isinstance(content, Path) else io.BytesIO(content)


def _read_uploaded(data: dict[str, Any], request: str) -> UploadedFile:
    name, subfolder, type_ = data.get("name"), data.get("subfolder", ""), data.get("type", "input")
    if not (isinstance(name, str) and name and isinstance(subfolder, str) and isinstance(type_, str)):
        raise InvalidResponse(request, "it does not say where the file is")
    return UploadedFile(filename=name, subfolder=subfolder, type=type_)


def _check_found(response: httpx.Response, file: FileReference) -> None:
    status = response.status_code
    if status == 404:
        raise FileMissing(file.filename)
    if status == OUTSIDE_FILE:
        raise Rejected("The range begins after the end of the file.", upstream_status=status)
    if status >= 400:
        raise Rejected(f"ComfyUI does not hand out `{file.filename}`.", upstream_status=status)


def _describe(response: httpx.Response) -> Download:
    length = _number(response.headers.get("Content-Length"))
    start, size = 0, length
    if response.status_code == 206:
        start, size = _read_range(response.headers.get("Content-Range", ""))
    return Download(
        media_type=response.headers.get("Content-Type", "application/octet-stream"),
        start=start,
        length=length,
        size=size,
        etag=response.headers.get("ETag"),
        chunks=response.aiter_raw(CHUNK_BYTES),
    )


def _read_range(header: str) -> tuple[int, int | None]:
    """Read `bytes 10-19/100`."""
    unit, _, rest = header.partition(" ")
    span, _, total = rest.partition("/")
    start = _number(span.partition("-")[0])
    if unit != "bytes" or start is None:
        raise InvalidResponse("GET /view", "it does not say which bytes these are")
    return start, _number(total)


def _number(text: str | None) -> int | None:
    """Read digits; no file has a size of more than 18 of them."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 18 else None
