"""Looks at the disk. Nothing is remembered: the disk is the truth."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from backend.core.disk import Disk, disk_of
from backend.core.errors import NotFound
from backend.storage.models import FolderUsage, StorageView


class Storage:
    """The models folder of the workspace."""

    def __init__(self, models: Path):
        self.models = models

    def path_of(self, folder: str, filename: str) -> Path:
        return self.models / folder / filename

    def size_of(self, folder: str, filename: str) -> int | None:
        """Bytes of an installed file, or None when it is not there."""
        try:
            return self.path_of(folder, filename).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    async def remove(self, folder: str, filename: str) -> None:
        try:
            await asyncio.to_thread(self.path_of(folder, filename).unlink)
        except FileNotFoundError:
            raise NotFound(f"{filename} is not in {folder}.", folder=folder, filename=filename) from None

    def disk(self) -> Disk:
        return disk_of(self.models)

    async def overview(self) -> StorageView:
        folders = await asyncio.to_thread(lambda: list(_usage_by_folder(self.models)))
        return StorageView(disk=self.disk(), folders=folders)


def _usage_by_folder(models: Path) -> Iterator[FolderUsage]:
    if not models.is_dir():
        return
    for folder in sorted(entry for entry in models.iterdir() if entry.is_dir()):
        sizes = list(_file_sizes(folder))
        if sizes:
            yield FolderUsage(name=folder.name, files=len(sizes), bytes=sum(sizes))


def _file_sizes(folder: Path) -> Iterator[int]:
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                status = Path(parent, name).stat()
            except OSError:  # vanished, or a broken link
                continue
            if status.st_size > 0 and not name.startswith("put_"):
                yield status.st_size
