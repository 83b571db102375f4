"""Keeps the hash of a file for as long as the file stays as it is."""

from collections.abc import Iterable

from backend.core.database import Database, Value
from backend.core.queries import queries_beside
from backend.storage.models import ModelFile

SQL = queries_beside(__file__)


class HashStore:
    """One row for each file that was hashed, by us or while it was downloaded."""

    def __init__(self, database: Database):
        self._database = database

    async def prepare(self) -> None:
        await self._database.migrate("storage", SQL.migrations)

    async def get(self, file: ModelFile) -> str | None:
        """Return the hash unless the file has changed since."""
        row = await self._database.fetch_one(SQL.hash_of_file, _key(file))
        return row["sha256"] if row else None

    async def of(self, files: Iterable[ModelFile]) -> dict[ModelFile, str]:
        """Return the hashes that are known."""
        rows = await self._database.fetch_all(SQL.all_hashes)
        known = {tuple(row)[:4]: row["sha256"] for row in rows}
        keys = {file: tuple(_key(file).values()) for file in files}
        return {file: known[key] for file, key in keys.items() if key in known}

    async def set(self, file: ModelFile, sha256: str) -> None:
        await self._database.execute(SQL.save_hash, {**_key(file), "sha256": sha256})

    async def paths_of(self, sha256: str) -> list[str]:
        """Return the paths that had this content. They may have changed or vanished since."""
        rows = await self._database.fetch_all(SQL.paths_of_hash, {"sha256": sha256})
        return [row["path"] for row in rows]


def _key(file: ModelFile) -> dict[str, Value]:
    return {
        "path": str(file.path),
        "bytes": file.bytes,
        "mtime_ns": file.mtime_ns,
        "inode": file.inode,
    }
