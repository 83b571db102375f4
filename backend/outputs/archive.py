"""Stream files as one zip, without a temporary file. Files are stored: pictures and videos are compressed already."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from backend.core.errors import InvalidRequest
from backend.core.formatting import format_bytes
from backend.outputs.folder import OutputFile

if TYPE_CHECKING:
    from zipfile import ZipInfo

log = structlog.get_logger(__name__)

MAX_FILES = 5000
MAX_BYTES = 100_000_000_000
CHUNK = 2**20
# The first and the last year that a zip can hold.
YEARS = range(1980, 2108)


def check_limits(files: Sequence[OutputFile]) -> None:
    total = sum(file.bytes for file in files)
    if len(files) > MAX_FILES or total > MAX_BYTES:
        raise InvalidRequest(
            f"{len(files)} files with {format_bytes(total)} are too many for one zip. "
            f"Select at most {MAX_FILES} files and {format_bytes(MAX_BYTES)}.",
            code="too_many_files",
        )


def zipped(files: Sequence[OutputFile]) -> Iterator[bytes]:
    """Yield a zip of the files under their paths. Skip files that are deleted meanwhile. Blocks for disk accesses."""
    from zipfile import ZIP_STORED, ZipFile  # noqa: PLC0415 - costs 10 ms, and a start needs none

    sink = _Sink()
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for file in files:
            try:
                source = file.real_path.open("rb")
            except OSError as error:
                log.warning("a file is missing in a zip", file=file.path, reason=str(error))
                continue
            with source, archive.open(_entry(file), "w", force_zip64=file.bytes > 2**31 - CHUNK) as target:
                while chunk := source.read(CHUNK):
                    target.write(chunk)
                    yield sink.take()
    yield sink.take()


class _Sink:
    """Collects the bytes that are written. It cannot seek, so the zip is written from front to back."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is no buffer behind it."""

    def close(self) -> None:
        """Do nothing; the written bytes can still be read."""

    def take(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data


def _entry(file: OutputFile) -> "ZipInfo":
    from zipfile import ZipInfo  # noqa: PLC0415 - see above

    modified = datetime.fromtimestamp(file.mtime_ns / 1e9).astimezone()
    time = modified.timetuple()[:6] if modified.year in YEARS else (1980, 1, 1, 0, 0, 0)
    entry = ZipInfo(file.path, time)
    entry.external_attr = 0o644 << 16
    return entry
