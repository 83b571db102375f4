"""Remembers the hash of a file for as long as the file stays as it is."""

from collections.abc import Iterable

from backend.core.database import Database
from backend.storage.models import ModelFile

MIGRATIONS = (
    """
    CREATE TABLE hashes (
        path TEXT PRIMARY KEY,
        bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        sha256 TEXT NOT NULL
    );
    CREATE INDEX hashes_by_content ON hashes (sha256)
    """,
)


class HashStore:
    """One row for each file that was hashed, by us or on its way here."""

    def __init__(self, database: Database):
        self._database = database

    async def prepare(self) -> None:
        await self._database.migrate("storage", MIGRATIONS)

    async def get(self, file: ModelFile) -> str | None:
        """The hash, unless the file is another one now."""
        row = await self._database.fetch_one(
            "SELECT sha256 FROM hashes WHERE path = ? AND bytes = ? AND mtime_ns = ? AND inode = ?",
            (str(file.path), file.bytes, file.mtime_ns, file.inode),
        )
        return row["sha256"] if row else None

    async def of(self, files: Iterable[ModelFile]) -> dict[ModelFile, str]:
        """The hashes of all that are known."""
        rows = await self._database.fetch_all("SELECT path, bytes, mtime_ns, inode, sha256 FROM hashes")
        noted = {tuple(row)[:4]: row["sha256"] for row in rows}
        keys = {file: (str(file.path), file.bytes, file.mtime_ns, file.inode) for file in files}
        return {file: noted[key] for file, key in keys.items() if key in noted}

    async def set(self, file: ModelFile, sha256: str) -> None:
        await self._database.execute(
            "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?, ?)",
            (str(file.path), file.bytes, file.mtime_ns, file.inode, sha256),
        )

    async def paths_of(self, sha256: str) -> list[str]:
        """Where this content was seen; it may be gone by now."""
        rows = await self._database.fetch_all("SELECT path FROM hashes WHERE sha256 = ?", (sha256,))
        return [row["path"] for row in rows]
