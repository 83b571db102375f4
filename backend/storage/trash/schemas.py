"""Requests and responses of the trash API."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from backend.storage.trash.models import Moved, TrashItem, TrashKind

MAX_FILES = 1000
Path = Annotated[str, Field(min_length=1, max_length=4096)]
Id = Annotated[str, Field(min_length=1, max_length=40)]


class TrashRequest(BaseModel):
    kind: TrashKind
    paths: list[Path] = Field(
        min_length=1, max_length=MAX_FILES, description="Below `models` or ComfyUI's `output`."
    )


class RestoreRequest(BaseModel):
    ids: list[Id] = Field(
        min_length=1,
        max_length=MAX_FILES,
        description="Ids of files, or of moves, which mean all files that were moved together.",
    )


class TrashItemView(BaseModel):
    id: str
    kind: TrashKind
    path: str = Field(description="Original path, below `models` or ComfyUI's `output`.")
    bytes: int
    freed: int = Field(
        description="Disk space that deleting it frees; 0 when a hard link keeps the content on disk."
    )
    trashed_at: datetime
    expires_at: datetime | None = Field(
        description="When it is deleted permanently; null if `TRASH_DAYS` is 0."
    )

    @classmethod
    def of(cls, item: TrashItem, days: int) -> Self:
        return cls(
            id=item.id,
            kind=item.kind,
            path=item.path,
            bytes=item.bytes,
            freed=item.freed,
            trashed_at=item.trashed_at,
            expires_at=item.expires_at(days),
        )


class RefusalView(BaseModel):
    path: str
    message: str


class MovedView(BaseModel):
    move: str | None = Field(description="Id of the move; restoring it restores all of its files.")
    items: list[TrashItemView]
    refused: list[RefusalView] = Field(description="Files that were not moved, with the reasons.")

    @classmethod
    def of(cls, moved: Moved, days: int) -> Self:
        return cls(
            move=moved.items[0].move_id if moved.items else None,
            items=[TrashItemView.of(item, days) for item in moved.items],
            refused=[RefusalView(path=path, message=message) for path, message in moved.refused],
        )


class Freed(BaseModel):
    freed: int = Field(description="Bytes.")
