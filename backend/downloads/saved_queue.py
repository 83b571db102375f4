"""Saves the queue on the volume, so that a new pod with an empty database can continue it.

Each machine that shares the volume has a file of its own. It touches the file regularly while it runs.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from backend.core.errors import CannotRecord
from backend.core.events import EventBus
from backend.core.files import write_atomically
from backend.downloads.engine.resume_state import ACTIVE_SECONDS, file_server_time, this_machine
from backend.downloads.models import (
    UNFINISHED,
    UNKNOWN_URL,
    FileRequest,
    QueueChanged,
    Transfer,
    TransferChanged,
    TransfersChanged,
)
from backend.downloads.store import TransferStore

log = structlog.get_logger(__name__)

MIN_INTERVAL_SECONDS = 1.0
TOUCH_SECONDS = ACTIVE_SECONDS / 3
REQUESTS = TypeAdapter(tuple[FileRequest, ...])


@dataclass(frozen=True, kw_only=True)
class SavedFile:
    """The queue of one machine."""

    path: Path
    requests: tuple[FileRequest, ...]
    # Whether another machine is running these transfers now.
    active_elsewhere: bool


class SavedQueue:
    """The files below `folder`: ours, which is kept current, and those of other pods."""

    def __init__(self, folder: Path, store: TransferStore, events: EventBus):
        self._folder = folder
        self._file = folder / f"{this_machine()}.json"
        self._store = store
        self._changed = asyncio.Event()
        self._saved = b""
        for kind in (TransferChanged, TransfersChanged, QueueChanged):
            events.subscribe(kind, lambda _: self._changed.set())

    async def run(self) -> None:
        """Save after every change until cancelled, then mark the file as inactive."""
        try:
            while True:
                with contextlib.suppress(CannotRecord):
                    unfinished = await self._store.in_state(*UNFINISHED)
                    await asyncio.to_thread(self._write, [t for t in unfinished if t.url != UNKNOWN_URL])
                await asyncio.sleep(MIN_INTERVAL_SECONDS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TOUCH_SECONDS):
                        await self._changed.wait()
                self._changed.clear()
        finally:
            with contextlib.suppress(OSError):
                os.utime(self._file, (0, 0))

    def _write(self, transfers: Sequence[Transfer]) -> None:
        """Write, touch or delete our file. On a volume that cannot be written, the queue is in the database only."""
        content = REQUESTS.dump_json(tuple(map(_request_of, transfers)))
        try:
            if not transfers:
                self._file.unlink(missing_ok=True)
            elif content == self._saved and self._file.exists():
                os.utime(self._file)
            else:
                self._folder.mkdir(parents=True, exist_ok=True)
                write_atomically(self._file, content)
            self._saved = content
        except OSError as error:
            log.warning("the queue could not be saved on the volume", reason=error.strerror)

    def read_all(self) -> list[SavedFile]:
        """Return the queues of all machines. Blocks for disk accesses."""
        return list(self._read_all())

    def _read_all(self) -> Iterator[SavedFile]:
        for path in sorted(self._folder.glob("*.json")):
            try:
                requests = REQUESTS.validate_json(path.read_bytes())
                age = file_server_time(path) - path.stat().st_mtime
            except (OSError, ValidationError):
                log.warning("a saved queue cannot be read", file=path.name)
                continue
            active = path != self._file and age < ACTIVE_SECONDS
            yield SavedFile(path=path, requests=requests, active_elsewhere=active)

    def delete(self, saved: SavedFile) -> None:
        """Delete the file of another pod once its transfers have been taken over."""
        if saved.path != self._file:
            with contextlib.suppress(OSError):
                saved.path.unlink(missing_ok=True)


def _request_of(transfer: Transfer) -> FileRequest:
    return FileRequest(
        url=transfer.url,
        folder=transfer.folder,
        filename=transfer.filename,
        sha256=transfer.sha256,
        bytes=transfer.bytes,
        alternatives=transfer.alternatives,
        preset=transfer.preset,
    )
