"""One restore: downloads the files that are missing on this pod, verifies them, and only then moves them into place."""

import asyncio
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import structlog

from backend.core import clock
from backend.core.disk import disk_of
from backend.core.errors import OutOfSpace
from backend.core.files import rename_without_clobbering
from backend.core.formatting import format_bytes
from backend.sync.models import FileState, Folder, Kind, LocalFile, Outcome, Progress, Remote
from backend.sync.rclone import Rclone
from backend.sync.rclone_log import Copied, Event, Failed, Stats
from backend.sync.scan import is_transferable
from backend.sync.store import SyncStore

log = structlog.get_logger(__name__)

# Below the restored folder: on the same file system, and hidden from uploads and from ComfyUI's lists.
STAGING = ".comfypod-restore"
# Disk space that a restore leaves free.
RESERVE = 100 * 1000**2


@dataclass(kw_only=True)
class _Plan:
    """The files to download into a folder."""

    folder: Folder
    sizes: dict[str, int] = field(default_factory=dict)
    # Files that exist on this pod with another size.
    kept: int = 0

    @property
    def staging(self) -> Path:
        return self.folder.path / STAGING


class Restore:
    """Restores the files of a remote. Existing files are never replaced."""

    def __init__(self, store: SyncStore, folders: tuple[Folder, ...], remote: Remote, rclone: Rclone):
        self._store, self._folders = store, folders
        self._remote, self._rclone = remote, rclone
        self.progress = Progress(kind=Kind.RESTORE, remote=remote.name, started_at=clock.now())

    async def run(self) -> Outcome:
        """Restore. Raise StorageFault when the storage refuses, OutOfSpace when the disk is too small."""
        plans = [await self._plan(folder) for folder in self._folders]
        self.progress.files = sum(len(plan.sizes) for plan in plans)
        self.progress.size = sum(sum(plan.sizes.values()) for plan in plans)
        for plan in plans:
            await asyncio.to_thread(_check_space, plan)
        for plan in plans:
            await self._download(plan)
        missing = self.progress.files - self.progress.files_done
        return Outcome(
            kind=Kind.RESTORE,
            remote=self._remote.name,
            at=clock.now(),
            files=self.progress.files_done,
            size=self.progress.size,
            kept=sum(plan.kept for plan in plans),
            problem=f"{missing} of {self.progress.files} files could not be downloaded. Restore again to try them again."
            if missing
            else None,
        )

    async def _plan(self, folder: Folder) -> _Plan:
        entries = await self._rclone.objects(folder.name)
        return await asyncio.to_thread(_plan_of, folder, entries)

    async def _download(self, plan: _Plan) -> None:
        if not plan.sizes:
            return
        size_before = self.progress.size_done

        async def note(event: Event) -> None:
            match event:
                case Copied(path=path) if path in plan.sizes:
                    await self._place(plan, path)
                case Failed(path=path, message=message) if path:
                    log.warning("a file could not be restored", path=path, reason=message)
                case Stats(size_done=size, current=current):
                    self.progress.size_done, self.progress.current = size_before + size, current

        await asyncio.to_thread(shutil.rmtree, plan.staging, ignore_errors=True)
        await asyncio.to_thread(plan.staging.mkdir, parents=True)
        try:
            await self._rclone.download(plan.folder.name, plan.staging, list(plan.sizes), note)
        finally:
            await asyncio.to_thread(shutil.rmtree, plan.staging, ignore_errors=True)

    async def _place(self, plan: _Plan, path: str) -> None:
        """Move a verified file into place, and record it as uploaded."""
        file = await asyncio.to_thread(_place, plan, path)
        if file is None:
            plan.kept += 1
        else:
            await self._store.save(self._remote.name, [file], FileState.DONE)
        self.progress.files_done += 1


def _plan_of(folder: Folder, entries: Iterable[dict[str, Any]]) -> _Plan:
    plan = _Plan(folder=folder)
    for entry in entries:
        path, size = str(entry.get("Path", "")), int(entry.get("Size") or 0)
        if not _is_safe(path):
            log.warning("an object is not restored: its name is no safe path", path=path[:200])
            continue
        try:
            here = (folder.path / path).stat()
        except OSError:
            plan.sizes[path] = size
        else:
            plan.kept += here.st_size != size
    return plan


def _is_safe(path: str) -> bool:
    """Return whether an object's name is a path below the folder, without hidden parts."""
    parts = path.split("/")
    return (
        is_transferable(path)
        and "\0" not in path
        and not any(not part or part.startswith(".") for part in parts)
    )


def _check_space(plan: _Plan) -> None:
    needed, free = sum(plan.sizes.values()), disk_of(plan.folder.path).free
    if needed and needed + RESERVE > free:
        raise OutOfSpace(
            f"The files need {format_bytes(needed)}, and the disk has {format_bytes(free)} free. Delete files or use a "
            "larger volume, then restore again."
        )


def _place(plan: _Plan, path: str) -> LocalFile | None:
    """Return the path of the moved file; None when another file has taken its name."""
    target = plan.folder.path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        rename_without_clobbering(plan.staging / path, target)
    except FileExistsError:
        return None
    status = target.stat()
    name = (PurePosixPath(plan.folder.name) / path).as_posix()
    return LocalFile(path=name, size=status.st_size, mtime_ns=status.st_mtime_ns)
