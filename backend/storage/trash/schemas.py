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
        description="Ids of files, or of moves: all that were moved together.",
    )


class TrashItemView(BaseModel):
    id: str
    kind: TrashKind
    path: str = Field(description="Where it was, below `models` or ComfyUI's `output`.")
    bytes: int
    freed: int = Field(
        description="What deleting it for good frees; 0 where a hard link keeps the content on disk."
    )
    trashed_at: datetime
    expires_at: datetime | None = Field(description="When it is deleted for good; null if `TRASH_DAYS` is 0.")

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
    move: str | None = Field(description="Id of the move, with which all of it is restored.")
    items: list[TrashItemView]
    refused: list[RefusalView] = Field(description="Files that stay where they are, and why.")

    @classmethod
    def of(cls, moved: Moved, days: int) -> Self:
        return cls(
            move=moved.items[0].move_id if moved.items else None,
            items=[TrashItemView.of(item, days) for item in moved.items],
            refused=[RefusalView(path=path, message=message) for path, message in moved.refused],
        )


class Freed(BaseModel):
    freed: int = Field(description="Bytes.")
