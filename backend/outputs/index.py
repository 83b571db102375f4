"""The files below the output folder, newest first. It starts with the first request, so it costs an idle pod nothing."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backend.core.async_tools import cancel_and_wait
from backend.outputs.models import is_output, path_of
from backend.storage.index import FileIndex, Snapshot
from backend.storage.models import ModelFile
from backend.storage.store import DirectoryStore
from backend.storage.worker import IndexWorker


@dataclass(frozen=True, eq=False)
class Files:
    """A snapshot of the outputs; the same object until they change."""

    newest_first: tuple[ModelFile, ...]

    @cached_property
    def by_path(self) -> dict[str, ModelFile]:
        return {path_of(file): file for file in self.newest_first}


def sort_key(file: ModelFile) -> tuple[int, str]:
    return -file.mtime_ns, file.place


class OutputIndex:
    def __init__(self, folder: Path, store: DirectoryStore):
        self._index = FileIndex(folder, lambda: [("", folder)], store)
        self._index.on_change = self._changed
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._starting = asyncio.Lock()
        self._sorting = asyncio.Lock()
        self._sorted: tuple[Snapshot, Files] | None = None
        # Called after a file was added, changed or deleted.
        self.on_change: list[Callable[[], None]] = []

    @property
    def revision(self) -> int:
        """Return a value that changes with the files. Up to date after `files`."""
        return self._index.revision

    @property
    def is_started(self) -> bool:
        return bool(self._tasks)

    async def start(self) -> None:
        """Load the index that the last process saved, and watch the disk from now on."""
        async with self._starting:
            if not self._tasks:
                await self._index.load()
                worker = IndexWorker(self._index)
                self._tasks = (asyncio.create_task(worker.scan()), asyncio.create_task(worker.watch()))

    async def files(self) -> Files:
        await self.start()
        snapshot = await self._index.snapshot()
        async with self._sorting:
            if self._sorted is None or self._sorted[0] is not snapshot:
                self._sorted = snapshot, await asyncio.to_thread(_sorted, snapshot)
            return self._sorted[1]

    async def refresh(self, paths: Collection[Path]) -> None:
        """Read files that were just moved to the trash or restored."""
        if not self.is_started:
            return
        await self._index.refresh(*paths)
        if any(not self._index.has_directory(path.parent) for path in paths):
            await self._index.scan()

    async def close(self) -> None:
        if self._tasks:
            await cancel_and_wait(*self._tasks)
            await self._index.save()

    def _changed(self) -> None:
        for call in self.on_change:
            call()


def _sorted(snapshot: Snapshot) -> Files:
    return Files(tuple(sorted(filter(is_output, snapshot.files), key=sort_key)))
