"""One upload: copies changed files to a remote, and compares their hashes there."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from backend.core import clock
from backend.sync.models import FileState, Folder, Kind, LocalFile, Outcome, Progress, Remote
from backend.sync.rclone import Rclone
from backend.sync.rclone_log import Copied, Event, Failed, Stats, reason
from backend.sync.scan import is_transferable, local_files
from backend.sync.store import SyncStore

# A file that was changed so recently may still be written to.
SETTLED_SECONDS = 3.0
# Files that one process of rclone copies. An interrupted run repeats at most one chunk.
CHUNK = 500
REPLACED = ".replaced"
UNNAMEABLE = "Its name has a line break or is not valid UTF-8. Rename it."


@dataclass(kw_only=True)
class _Result:
    """The result of a chunk."""

    copied: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)


class Upload:
    """Uploads all files that are missing or outdated in a remote."""

    def __init__(self, store: SyncStore, folders: tuple[Folder, ...], remote: Remote, rclone: Rclone):
        self._store, self._folders = store, folders
        self._remote, self._rclone = remote, rclone
        self._replaced = f"{REPLACED}/{clock.now():%Y-%m-%dT%H-%M-%SZ}"
        self.progress = Progress(kind=Kind.UPLOAD, remote=remote.name, started_at=clock.now())
        # Whether files were skipped because they may still be written to.
        self.is_incomplete = False

    async def run(self) -> Outcome:
        """Upload. Raise StorageFault when the storage refuses everything."""
        changed = await self._changed_files()
        self.progress.files, self.progress.size = len(changed), sum(file.size for file in changed)
        failed = 0
        try:
            for folder in self._folders:
                files = [file for file in changed if file.path.startswith(f"{folder.name}/")]
                for start in range(0, len(files), CHUNK):
                    failed += await self._upload(folder, files[start : start + CHUNK])
        finally:
            await self._store.settle(self._remote.name)
        return Outcome(
            kind=Kind.UPLOAD,
            remote=self._remote.name,
            at=clock.now(),
            files=len(changed) - failed,
            size=self.progress.size,
            problem=f"{failed} of {len(changed)} files could not be uploaded." if failed else None,
        )

    async def _changed_files(self) -> list[LocalFile]:
        """Return the files to upload, and record them as pending."""
        files = await asyncio.to_thread(local_files, self._folders)
        uploaded = await self._store.uploaded(self._remote.name)
        changed = [file for file in files if uploaded.get(file.path) != (file.size, file.mtime_ns)]
        newest = time.time_ns() - SETTLED_SECONDS * 1e9
        settled = [file for file in changed if not newest < file.mtime_ns <= time.time_ns()]
        self.is_incomplete = len(settled) < len(changed)
        unnameable = [file for file in settled if not is_transferable(file.path)]
        settled = [file for file in settled if is_transferable(file.path)]
        await self._forget_deleted(files)
        await self._store.save(self._remote.name, settled, FileState.PENDING)
        await self._store.save(self._remote.name, map(_printable, unnameable), FileState.FAILED, UNNAMEABLE)
        return settled

    async def _forget_deleted(self, files: Iterable[LocalFile]) -> None:
        """Remove the rows of pending and failed files that were deleted on this pod. Nothing is deleted in the storage."""
        gone = await self._store.unfinished(self._remote.name) - {file.path for file in files}
        if gone:
            await self._store.forget(self._remote.name, gone)

    async def _upload(self, folder: Folder, files: list[LocalFile]) -> int:
        """Upload files of one folder; return how many failed."""
        by_path = {file.path.removeprefix(f"{folder.name}/"): file for file in files}
        await self._store.save(self._remote.name, files, FileState.UPLOADING)
        result, size_before = _Result(), self.progress.size_done

        async def note(event: Event) -> None:
            match event:
                case Copied(path=path) if path in by_path:
                    result.copied.add(path)
                    self.progress.files_done += 1
                case Failed(path=path, message=message) if path in by_path:
                    result.failed[path] = reason(message)
                case Stats(size_done=size, current=current):
                    self.progress.size_done, self.progress.current = size_before + size, current

        replaced = f"{self._replaced}/{folder.name}"
        complete = await self._rclone.upload(folder.path, folder.name, list(by_path), replaced, note)
        # rclone does not log files that the storage has already. After a failure, only a comparison of hashes shows what is there.
        unsure = list(result.copied if complete else by_path)
        differing = await self._rclone.differing(folder.path, folder.name, unsure) if unsure else set()
        self.progress.size_done = size_before + sum(file.size for file in files)
        return await self._note(by_path, differing, result)

    async def _note(self, by_path: dict[str, LocalFile], differing: set[str], result: _Result) -> int:
        name = self._remote.name
        await self._store.save(
            name, [file for path, file in by_path.items() if path not in differing], FileState.DONE
        )
        for path in differing:
            why = result.failed.get(
                path, "The storage has another content, or the file has changed meanwhile."
            )
            await self._store.save(name, [by_path[path]], FileState.FAILED, why)
        self.progress.files_done += len(by_path) - len(result.copied)
        return len(differing)


def _printable(file: LocalFile) -> LocalFile:
    path = file.path.encode(errors="replace").decode().replace("\n", "?").replace("\r", "?")
    return LocalFile(path=path, size=file.size, mtime_ns=file.mtime_ns)
