"""Moves files to the trash, restores them, and deletes them permanently."""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from backend.activity.service import Activity
from backend.core.async_tools import run_to_completion
from backend.core.errors import AppError, InvalidRequest, NotFound
from backend.storage.trash.folder import TrashFolder
from backend.storage.trash.models import Moved, Refusal, TrashItem, TrashKind, TrashRoot, TrashUsage

Result = TypeVar("Result")

# How long the list is cached. Another pod on the same volume may change the trash.
CACHED_SECONDS = 10.0


class Trash:
    """One trash for all kinds of files. Files are deleted permanently after `days`; 0 is never."""

    def __init__(self, folder: TrashFolder, activity: Activity, days: int):
        self._folder = folder
        self._activity = activity
        self.days = days
        self._roots: dict[TrashKind, TrashRoot] = {}
        self._items: tuple[TrashItem, ...] = ()
        self._read_at: float | None = None
        # One change at a time.
        self._lock = asyncio.Lock()
        # Increases with every detected change.
        self.revision = 0
        self.on_change: Callable[[], None] = _nothing

    def add_root(self, kind: TrashKind, root: TrashRoot) -> None:
        """Register a kind of files. Features call it at start."""
        self._roots[kind] = root

    async def items(self) -> tuple[TrashItem, ...]:
        """Return the files in the trash, the newest first."""
        if self._read_at is None or time.monotonic() - self._read_at > CACHED_SECONDS:
            await self._read()
        return self._items

    async def usage(self) -> TrashUsage:
        items = await self.items()
        return TrashUsage(files=len(items), bytes=sum(item.freed for item in items))

    async def move(self, kind: TrashKind, paths: Collection[str]) -> Moved:
        """Move files to the trash, named by their paths below the folder of their kind.

        Raise the reason when none of them can be moved.
        """
        root = self._root(kind)
        moved = await self._change(asyncio.to_thread(self._move, kind, root, tuple(dict.fromkeys(paths))))
        await root.changed([root.folder / item.path for item in moved.items])
        for item in moved.items:
            self._activity.note(f"{kind}.trashed", item.path, bytes=item.bytes)
        return moved

    async def restore(self, ids: Collection[str]) -> Moved:
        """Restore files. Each id is that of a file, or of a move, which means all of its files."""
        found = await self._find(ids)
        items, refused = await self._change(asyncio.to_thread(self._restore, found))
        for kind in {item.kind for item in items}:
            root = self._root(kind)
            await root.changed([root.folder / item.path for item in items if item.kind == kind])
        for item in items:
            self._activity.note(f"{item.kind}.restored", item.path)
        return Moved(items=tuple(items), refused=tuple(refused))

    async def delete(self, ids: Collection[str]) -> int:
        """Delete files permanently, and return the number of freed bytes."""
        return await self._delete(await self._find(ids))

    async def empty(self) -> int:
        """Empty the trash, and return the number of freed bytes."""
        await self._read()
        return await self._delete(self._items)

    async def delete_expired(self, now: datetime) -> int:
        """Delete expired files."""
        if not self.days:
            return 0
        await self._read()
        expired = [item for item in self._items if (item.expires_at(self.days) or now) < now]
        freed = await self._delete(expired) if expired else 0
        await asyncio.to_thread(self._folder.tidy)
        return freed

    async def _delete(self, items: Iterable[TrashItem]) -> int:
        deleted = await self._change(asyncio.to_thread(self._folder.delete, tuple(items)))
        freed = sum(item.freed for item in deleted)
        if deleted:
            subject = deleted[0].path if len(deleted) == 1 else f"{len(deleted)} files"
            self._activity.note("trash.deleted", subject, freed=freed)
        return freed

    async def _find(self, ids: Collection[str]) -> list[TrashItem]:
        """Return the files of these ids. Raise NotFound for an unknown id."""
        await self._read()
        known = {item.id for item in self._items} | {item.move_id for item in self._items}
        for unknown in ids:
            if unknown not in known:
                raise NotFound(f"The trash has no file {unknown[:50]}. It was restored or deleted.")
        wanted = set(ids)
        return [item for item in self._items if item.id in wanted or item.move_id in wanted]

    def _move(self, kind: TrashKind, root: TrashRoot, paths: Sequence[str]) -> Moved:
        files: list[tuple[str, Path]] = []
        refused: list[Refusal] = []
        reasons: list[AppError] = []
        for path in paths:
            try:
                files.append((path, root.find(path)))
            except AppError as error:
                refused.append(Refusal(path, error.message))
                reasons.append(error)
        if not files:
            raise reasons[0] if reasons else InvalidRequest("Name at least one file.")
        moved = self._folder.move(kind, root.folder, files)
        return Moved(items=moved.items, refused=(*refused, *moved.refused))

    def _restore(self, found: Sequence[TrashItem]) -> tuple[list[TrashItem], list[Refusal]]:
        restored, refused = [], []
        for item in found:
            try:
                self._folder.restore(item, self._root(item.kind).folder)
                restored.append(item)
            except AppError as error:
                refused.append(Refusal(item.path, error.message))
        return restored, refused

    def _root(self, kind: TrashKind) -> TrashRoot:
        root = self._roots.get(kind)
        if root is None:
            raise InvalidRequest(f"Files of the kind {kind} cannot be moved to the trash.")
        return root

    async def _change(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Finish a change even when the request is cancelled."""
        async with self._lock:
            try:
                return await run_to_completion(work)
            finally:
                await self._read()

    async def _read(self) -> None:
        items = tuple(await asyncio.to_thread(self._folder.items))
        self._read_at = time.monotonic()
        if items != self._items:
            self._items = items
            self.revision += 1
            self.on_change()


def _nothing() -> None:
    """Do nothing; the default of `on_change`."""
