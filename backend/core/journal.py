"""An append-only file of JSON lines on the volume, for state that must outlive the pod and its local database.

SQLite is unsafe or slow on network volumes, which may lack file locks. Appending to a file works on all of them.
"""

import asyncio
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import structlog

from backend.core.async_tools import run_to_completion
from backend.core.errors import CannotRecord
from backend.core.files import write_all, write_atomically

log = structlog.get_logger(__name__)


class Journal:
    """A journal with one writer. Once `append` has returned, its entries survive a crash of the machine."""

    def __init__(self, path: Path):
        self._path = path
        self._lock = asyncio.Lock()

    @property
    def path(self) -> Path:
        return self._path

    async def append(self, entries: Iterable[str]) -> None:
        """Add all entries or none, each a JSON object on one line. Raise CannotRecord when the volume rejects them."""
        async with self._lock:
            await self._in_thread(_append, self._path, entries)

    async def rewrite(self, entries: Iterable[str]) -> None:
        """Replace everything with `entries`. Raise CannotRecord when the volume rejects them."""
        async with self._lock:
            await self._in_thread(write_atomically, self._path, _joined(entries), 0o600)

    async def read(self) -> list[dict[str, Any]]:
        """Return every entry, oldest first. Skip an incomplete last line: a crash cut it off before it was acknowledged."""
        return await asyncio.to_thread(lambda: list(read_entries(self._path)))

    async def size(self) -> int:
        """Return the size on disk in bytes; 0 when the file does not exist."""
        return await asyncio.to_thread(lambda: self._path.stat().st_size if self._path.exists() else 0)

    async def _in_thread(self, write: Any, *arguments: Any) -> None:
        try:
            await run_to_completion(asyncio.to_thread(write, *arguments))
        except OSError as error:
            raise CannotRecord(
                f"{self._path.name} on the volume cannot be written: {error.strerror or error}. "
                "Check whether the volume is full or read-only, then try again."
            ) from error


def read_entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of a journal file; none when it does not exist. Skip lines that are not JSON objects."""
    try:
        with path.open("rb") as file:
            for line in file:
                if entry := _entry(line):
                    yield entry
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("a journal cannot be read", journal=path.name, reason=str(error))


def _entry(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        log.warning("skipped an unreadable line of a journal", bytes=len(line))
        return None
    return entry if isinstance(entry, dict) else None


def _joined(entries: Iterable[str]) -> bytes:
    return b"".join(f"{entry}\n".encode() for entry in entries)


def _append(path: Path, entries: Iterable[str]) -> None:
    lines = _joined(entries)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        end = _end_of_last_line(descriptor)
        try:
            write_all(descriptor, [lines], end)
            os.ftruncate(descriptor, end + len(lines))
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)  # a partial batch must not be read back
            raise
    finally:
        os.close(descriptor)


def _end_of_last_line(descriptor: int) -> int:
    """Return the offset after the last newline, so that an incomplete line is overwritten."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    step = 4096
    while end > 0:
        start = max(0, end - step)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
