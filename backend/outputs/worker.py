"""Read the provenance of outputs in the background, each file once."""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from backend.core.async_tools import cancel_and_wait
from backend.core.errors import AppError
from backend.outputs.folder import OutputFolder
from backend.outputs.index import Files, OutputIndex
from backend.outputs.models import Provenance, path_of
from backend.outputs.provenance import provenance_of
from backend.outputs.store import ProvenanceStore
from backend.storage.models import ModelFile

log = structlog.get_logger(__name__)

# Files that are read and saved together.
BATCH = 100
# Reading takes at most this share of the time.
SHARE = 1 / 3
# New files often come several at a time.
PAUSE_SECONDS = 0.3
RETRY_SECONDS = 60.0


class ProvenanceReader:
    """Reads files as the index finds them, until it is closed."""

    def __init__(self, folder: OutputFolder, index: OutputIndex, store: ProvenanceStore):
        self._folder = folder
        self._index = index
        self._store = store
        self._changed = asyncio.Event()
        self._read: set[ModelFile] | None = None
        self._task: asyncio.Task[None] | None = None
        # How many files are still to be read.
        self.remaining = 0
        # Called after files were read.
        self.on_read: Callable[[], None] = _nothing
        index.on_change.append(self._changed.set)

    def start(self) -> None:
        if self._task is None:
            self._changed.set()
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task:
            await cancel_and_wait(self._task)

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.read_new()
            except (AppError, OSError) as error:
                log.warning("the provenance of outputs cannot be stored", reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                self._changed.set()
            await asyncio.sleep(PAUSE_SECONDS)

    async def read_new(self) -> None:
        """Read the files that are new or have changed."""
        files = await self._index.files()
        if self._read is None:
            self._read = await self._known(files)
        read = self._read
        pending = await asyncio.to_thread(lambda: [file for file in files.newest_first if file not in read])
        self.remaining = len(pending)
        while pending:
            batch, pending = pending[:BATCH], pending[BATCH:]
            started = time.monotonic()
            await self._store.save(await asyncio.to_thread(self._provenance_of, batch))
            read.update(batch)
            self.remaining = len(pending)
            self.on_read()
            if pending:
                await asyncio.sleep((time.monotonic() - started) * (1 / SHARE - 1))

    async def _known(self, files: Files) -> set[ModelFile]:
        """Return the files that an earlier process has read, and remove deleted ones from the store."""
        states = await self._store.states()
        if gone := states.keys() - files.by_path.keys():
            await self._store.remove(gone)
        return {
            file for file in files.newest_first if states.get(path_of(file)) == (file.bytes, file.mtime_ns)
        }

    def _provenance_of(self, files: Sequence[ModelFile]) -> dict[ModelFile, Provenance]:
        return {file: provenance_of(self._folder.path / path_of(file)) for file in files}


def _nothing() -> None:
    """Do nothing; the default of `on_read`."""
