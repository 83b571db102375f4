"""Receives a multipart upload: the file goes to the disk and through the hash while it arrives."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from backend.comfy_api.errors import HashMismatch
from backend.core.errors import InvalidRequest

FILE_FIELD = "file"
MAX_FIELD_BYTES = 4096
MAX_FIELDS = 100


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file that has arrived, at a temporary path."""

    path: Path
    hash: str
    bytes: int
    fields: dict[str, str]


async def receive(content_type: str, body: AsyncIterator[bytes], path: Path) -> Upload:
    """Write the field `file` to `path`. Raise InvalidRequest for another form, HashMismatch where the hash was announced."""
    with await asyncio.to_thread(path.open, "xb") as file:
        form = _Form(_boundary_of(content_type), file)
        async for chunk in body:
            await asyncio.to_thread(form.feed, chunk)
        await asyncio.to_thread(form.finish)
    upload = Upload(path=path, hash=form.hash, bytes=form.bytes, fields=form.fields)
    expected = upload.fields.get("expected_hash", upload.hash)
    if expected != upload.hash:
        raise HashMismatch(f"The file has the hash {upload.hash}. Its upload announced {expected}.")
    return upload


def _boundary_of(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise InvalidRequest("An upload has the content type `multipart/form-data` with a boundary.")
    return boundary


class _Form:
    """Collects small fields and passes one file on."""

    def __init__(self, boundary: bytes, file: BinaryIO):
        self.fields: dict[str, str] = {}
        self.bytes = 0
        self._file = file
        self._has_file = self._has_ended = False
        self._digest = blake3()
        self._disposition = b""
        self._header = self._value = b""
        self._field: str | None = None
        self._content = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    @property
    def hash(self) -> str:
        return f"blake3:{self._digest.hexdigest()}"

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise InvalidRequest(f"The form of the upload is malformed: {error}.") from None

    def finish(self) -> None:
        if not self._has_ended:
            raise InvalidRequest("The upload ended too early: its last boundary is missing.")
        if not self._has_file:
            raise InvalidRequest(f"The upload has no field `{FILE_FIELD}`.")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _on_part_begin(self) -> None:
        self._disposition = self._header = self._value = self._content = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._field = options.get(b"name", b"").decode(errors="replace")
        if self._field == FILE_FIELD and self._has_file:
            raise InvalidRequest("An upload has one file.")
        if self._field != FILE_FIELD and len(self.fields) >= MAX_FIELDS:
            raise InvalidRequest(f"An upload has at most {MAX_FIELDS} fields.")
        self._has_file = self._has_file or self._field == FILE_FIELD

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        chunk = data[start:end]
        if self._field == FILE_FIELD:
            self._digest.update(chunk)
            self._file.write(chunk)
            self.bytes += len(chunk)
        elif len(self._content) + len(chunk) > MAX_FIELD_BYTES:
            raise InvalidRequest(f"A field of the upload is longer than {MAX_FIELD_BYTES} bytes.")
        else:
            self._content += chunk

    def _on_part_end(self) -> None:
        if self._field and self._field != FILE_FIELD:
            self.fields[self._field] = self._content.decode(errors="replace")

    def _on_end(self) -> None:
        self._has_ended = True
