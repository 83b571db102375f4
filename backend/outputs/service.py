"""Lists outputs for the pages and the API."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Hashable, Mapping, Sequence
from pathlib import Path

from backend.outputs.folder import OutputFile, OutputFolder
from backend.outputs.index import Files, OutputIndex
from backend.outputs.kinds import kind_of
from backend.outputs.models import NO_PROVENANCE, Filters, Provenance, path_of
from backend.outputs.provenance import RawProvenance, provenance_of, raw_provenance_of
from backend.outputs.store import Choice, ProvenanceStore
from backend.outputs.worker import ProvenanceReader
from backend.storage.models import ModelFile
from backend.storage.trash.models import TrashRoot

# Filtering thousands of files is slow, and all pages of a list have the same filters.
CACHED_LISTS = 8


class Outputs:
    def __init__(
        self, folder: OutputFolder, index: OutputIndex, store: ProvenanceStore, reader: ProvenanceReader
    ):
        self._folder = folder
        self._index = index
        self._store = store
        self._reader = reader
        self._lists: OrderedDict[Hashable, Sequence[ModelFile]] = OrderedDict()

    @property
    def remaining(self) -> int:
        """Return the number of files whose provenance is not read yet."""
        return self._reader.remaining

    async def revision(self) -> tuple[int, int]:
        """Return a value that changes with the files and their provenance."""
        await self.files()
        return self._index.revision, self._store.revision

    async def files(self) -> Files:
        files = await self._index.files()
        self._reader.start()
        return files

    async def find(self, filters: Filters) -> Sequence[ModelFile]:
        """Return the matching files, newest first."""
        files = await self.files()
        if filters.is_empty:
            return files.newest_first
        key = (self._index.revision, self._store.revision, filters)
        if key not in self._lists:
            provenance = await self._store.paths(filters) if filters.by_provenance else None
            text = await self._store.paths_with_text(filters.q.lower()) if filters.q else frozenset()
            self._lists[key] = await asyncio.to_thread(_matching, files, filters, provenance, text)
            if len(self._lists) > CACHED_LISTS:
                self._lists.popitem(last=False)
        return self._lists[key]

    async def provenance_by_path(self, files: Sequence[ModelFile]) -> Mapping[str, Provenance]:
        """Return the provenance of the files of a page, by path."""
        return await self._store.of(files) if files else {}

    async def provenance(self, file: OutputFile) -> Provenance:
        """Return the provenance of a file; read the file when the store does not have it yet."""
        listed = (await self.files()).by_path.get(file.path)
        known = await self._store.of([listed]) if listed else {}
        return known.get(file.path) or await asyncio.to_thread(provenance_of, file.real_path) or NO_PROVENANCE

    async def raw_provenance(self, file: OutputFile) -> RawProvenance:
        return await asyncio.to_thread(raw_provenance_of, file.real_path)

    async def workflows(self) -> list[Choice]:
        return await self._store.workflows()

    async def models(self) -> list[Choice]:
        return await self._store.models()

    async def close(self) -> None:
        await self._reader.close()
        await self._index.close()

    def trash_root(self) -> TrashRoot:
        """Return the kind of trash for outputs: how they are deleted and restored."""

        def find(path: str) -> Path:
            return self._folder.path / self._folder.find(path).path

        async def changed(paths: Collection[Path]) -> None:
            await self._index.refresh(paths)

        return TrashRoot(folder=self._folder.path, find=find, changed=changed)


def _matching(
    files: Files, filters: Filters, provenance: Collection[str] | None, text: Collection[str]
) -> tuple[ModelFile, ...]:
    q, (start, end) = filters.q.lower(), filters.times

    def matches(file: ModelFile) -> bool:
        path = path_of(file)
        return (
            start <= file.mtime_ns < end
            and (filters.kind is None or kind_of(file.filename) == filters.kind)
            and (provenance is None or path in provenance)
            and (not q or q in path.lower() or path in text)
        )

    return tuple(filter(matches, files.newest_first))
