"""What ComfyUI has made, and the trash."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from urllib.parse import quote

from backend.client.connection import Connection, given
from backend.client.models import Model

PATH = "/api/outputs"
TRASH = "/api/trash"
PAGE = 1000
# Paths in one request.
MOST_PATHS = 1000


class OutputFile(Model):
    path: str
    kind: str
    bytes: int
    modified_at: datetime
    url: str
    job_id: str | None
    workflow: str | None
    models: list[str]
    seed: int | None
    prompt: str | None


class TrashItem(Model):
    id: str
    kind: str
    path: str
    bytes: int
    trashed_at: datetime
    expires_at: datetime | None


class Refusal(Model):
    path: str
    message: str


class Moved(Model):
    """Files that were moved to the trash, or back, and those that were not."""

    move: str | None
    items: list[TrashItem]
    refused: list[Refusal]


class OutputsClient:
    """`/api/outputs` and `/api/trash`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def newest(self, limit: int, *, q: str = "", kind: str | None = None) -> Sequence[OutputFile]:
        """Return the newest files."""
        found: list[OutputFile] = []
        query = given(limit=min(limit, PAGE), q=q or None, kind=kind)
        async with aclosing(self._pages(query)) as pages:
            async for page in pages:
                found += page
                if len(found) >= limit:
                    break
        return found[:limit]

    async def content(self, path: str) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a file."""
        async with aclosing(self._connection.stream(f"{PATH}/file/{quote(path)}")) as chunks:
            async for chunk in chunks:
                yield chunk

    async def move_to_trash(self, paths: Sequence[str], kind: str = "output") -> Sequence[Moved]:
        return [
            await self._connection.post(TRASH, Moved, json={"kind": kind, "paths": part})
            for part in _parts(paths)
        ]

    async def trash(self, kind: str | None = None) -> Sequence[TrashItem]:
        return await self._connection.all(TRASH, list[TrashItem], **given(limit=PAGE, kind=kind))

    async def restore(self, ids: Sequence[str]) -> Sequence[Moved]:
        return [
            await self._connection.post(f"{TRASH}/restore", Moved, json={"ids": part}) for part in _parts(ids)
        ]

    async def _pages(self, query: dict[str, object]) -> AsyncGenerator[Sequence[OutputFile], None]:
        async for page in self._connection.pages(PATH, list[OutputFile], **query):
            yield page


def _parts(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[start : start + MOST_PATHS] for start in range(0, len(names), MOST_PATHS)]
