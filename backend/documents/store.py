"""The index of documents in the local database. It makes lists cheap, and can be built again from the volume."""

from collections.abc import Iterable

from backend.core import clock
from backend.core.database import Database
from backend.core.queries import as_json, queries_beside
from backend.documents.models import Head
from backend.documents.version_files import VERSION

SQL = queries_beside(__file__)


class DocumentIndex:
    def __init__(self, database: Database):
        self._database = database

    async def prepare(self) -> None:
        await self._database.migrate("documents", SQL.migrations)

    async def save(self, heads: Iterable[tuple[Head, int]]) -> None:
        """Note the newest version of documents, each with the time at which its folder was changed."""
        await self._database.execute_many(
            SQL.save,
            [
                {
                    "id": head.id,
                    "created_at": clock.to_text(head.version.created_at),
                    "name": head.version.name,
                    "modified": modified,
                    "version": VERSION.dump_json(head.version).decode(),
                }
                for head, modified in heads
            ],
        )

    async def remove(self, ids: Iterable[str]) -> None:
        await self._database.execute(SQL.remove, {"ids": as_json(ids)})

    async def modified(self) -> dict[str, int]:
        rows = await self._database.fetch_all(SQL.modified)
        return {row["id"]: row["modified"] for row in rows}

    async def newest(self, words: Iterable[str], limit: int, before: tuple[str, str] | None) -> list[Head]:
        """Return documents, the last changed one first; those after `before`, a time and an id."""
        created_at, document_id = before or (None, None)
        rows = await self._database.fetch_all(
            SQL.newest,
            {
                "words": as_json(word.lower() for word in words),
                "limit": limit,
                "before_created_at": created_at,
                "before_id": document_id,
            },
        )
        return [Head(id=row["id"], version=VERSION.validate_json(row["version"])) for row in rows]
