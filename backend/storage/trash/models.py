"""Files in the trash, and kinds of files that can be moved there."""

from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple


class TrashKind(StrEnum):
    MODEL = "model"
    OUTPUT = "output"


@dataclass(frozen=True, kw_only=True)
class TrashRoot:
    """A folder whose files can be moved to the trash."""

    folder: Path
    # Checks that a path below the folder may be deleted, and returns the file. Raises AppError. Blocks for disk accesses.
    find: Callable[[str], Path]
    # Called after files were moved to the trash or restored.
    changed: Callable[[Collection[Path]], Coroutine[Any, Any, None]]


@dataclass(frozen=True, kw_only=True)
class TrashItem:
    """One file in the trash."""

    # `MOVE-NUMBER`; the files that were moved together share the first part.
    id: str
    kind: TrashKind
    # Original path, below the folder of its kind: `loras/ink.safetensors`.
    path: str
    bytes: int
    # Disk space that deleting it frees: 0 when another hard link keeps the content on disk.
    freed: int
    trashed_at: datetime

    @property
    def move_id(self) -> str:
        return self.id.partition("-")[0]

    def expires_at(self, days: int) -> datetime | None:
        return self.trashed_at + timedelta(days=days) if days else None


class Refusal(NamedTuple):
    """A file that could not be moved, and why."""

    path: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Moved:
    """The files that were moved or restored, and those that were not."""

    items: tuple[TrashItem, ...]
    refused: tuple[Refusal, ...]

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.items)


@dataclass(frozen=True, kw_only=True)
class TrashUsage:
    files: int
    bytes: int
