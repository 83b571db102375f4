"""Turn a truncated file back into a partial download, so that only the rest of it is downloaded."""

import asyncio

from backend.core.errors import AppError
from backend.core.files import rename_without_clobbering
from backend.downloads.engine.resume_state import PartialFile, ResumeState, this_machine
from backend.downloads.models import FileRequest, State, Transfer
from backend.downloads.service import Downloads
from backend.storage.models import ModelFile
from backend.storage.service import Storage


class Continuation:
    """Downloads the rest of files. The hash of the whole file decides in the end whether the beginning was right."""

    def __init__(self, downloads: Downloads, storage: Storage):
        self._downloads = downloads
        self._storage = storage

    async def can_continue(self, request: FileRequest, found: ModelFile) -> bool:
        """Return whether `found` may be the beginning of the requested file, and may be written to."""
        if request.sha256 is None or request.bytes is None or not 0 < found.bytes < request.bytes:
            return False
        if found.path != self._storage.path_of(request.folder, found.filename):
            return False
        # A link's content has other names, which must not change.
        if found.links > 1 or await asyncio.to_thread(_is_linked_or_taken, PartialFile(found.path)):
            return False
        latest = await self._downloads.latest(request.folder, found.filename)
        return latest is None or latest.state == State.DONE

    async def start(self, request: FileRequest, found: ModelFile) -> Transfer:
        """Make `found` a partial download and queue the rest."""
        partial = PartialFile(found.path)
        async with self._downloads.destination_locks[found.place]:
            await asyncio.to_thread(_to_partial, partial, request, found.bytes)
        try:
            return await self._downloads.request(request, received=found.bytes)
        except AppError:
            await asyncio.to_thread(_undo, partial)
            raise
        finally:
            await self._storage.noticed(found.path)


def _is_linked_or_taken(partial: PartialFile) -> bool:
    return partial.target.is_symlink() or partial.part.exists()


def _to_partial(partial: PartialFile, request: FileRequest, received: int) -> None:
    """Write the resume state before the file is renamed: without its bytes it means nothing."""
    state = ResumeState(
        url=request.url,
        ranges=((0, received),),
        bytes=request.bytes,
        sha256=request.sha256,
        identity=None,
        validator=None,
        preset=request.preset,
        writer=this_machine(),
    )
    partial.write(state)
    rename_without_clobbering(partial.target, partial.part)


def _undo(partial: PartialFile) -> None:
    partial.part.rename(partial.target)
    partial.delete_part()
