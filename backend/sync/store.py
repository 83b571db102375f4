"""The table of files and their states, for each remote."""

from collections.abc import Iterable

from backend.core import clock
from backend.core.database import Database
from backend.core.queries import as_json, queries_beside
from backend.sync.models import FileState, LocalFile, SyncedFile

SQL = queries_beside(__file__)


class SyncStore:
    """Records which files are uploaded. When it is lost, rclone compares the files with the storage again."""

    def __init__(self, database: Database):
        self._database = database

    async def prepare(self) -> None:
        await self._database.migrate("sync", SQL.migrations)
        await self.settle()

    async def uploaded(self, remote: str) -> dict[str, tuple[int, int]]:
        """Return size and modification time of the uploaded files, by path."""
        rows = await self._database.fetch_all(SQL.done, {"remote": remote})
        return {row["path"]: (row["size"], row["mtime_ns"]) for row in rows}

    async def unfinished(self, remote: str) -> set[str]:
        return {row["path"] for row in await self._database.fetch_all(SQL.unfinished, {"remote": remote})}

    async def save(
        self, remote: str, files: Iterable[LocalFile], state: FileState, reason: str | None = None
    ) -> None:
        at = clock.to_text(clock.now())
        rows = [
            {
                "remote": remote,
                "path": file.path,
                "size": file.size,
                "mtime_ns": file.mtime_ns,
                "state": state,
                "reason": reason,
                "at": at,
            }
            for file in files
        ]
        if rows:
            await self._database.execute_many(SQL.save, rows)

    async def set_state(
        self, remote: str, paths: Iterable[str], state: FileState, reason: str | None = None
    ) -> None:
        at = clock.to_text(clock.now())
        values = {"remote": remote, "paths": as_json(paths), "state": state, "reason": reason, "at": at}
        await self._database.execute(SQL.set_state, values)

    async def settle(self, remote: str = "") -> None:
        """Mark files whose upload was interrupted as pending."""
        await self._database.execute(SQL.settle, {"remote": remote})

    async def forget(self, remote: str, paths: Iterable[str]) -> None:
        await self._database.execute(SQL.forget, {"remote": remote, "paths": as_json(paths)})

    async def forget_remote(self, remote: str) -> None:
        await self._database.execute(SQL.forget_remote, {"remote": remote})

    async def totals(self, remote: str) -> dict[FileState, tuple[int, int]]:
        """Return number and size of the files of each state."""
        rows = await self._database.fetch_all(SQL.totals, {"remote": remote})
        return {FileState(row["state"]): (row["files"], row["size"]) for row in rows}

    async def files(self, remote: str, state: FileState | None, limit: int) -> list[SyncedFile]:
        rows = await self._database.fetch_all(
            SQL.files, {"remote": remote, "state": state or "", "limit": limit}
        )
        return [
            SyncedFile(
                path=row["path"],
                size=row["size"],
                state=FileState(row["state"]),
                reason=row["reason"],
                at=clock.from_text(row["at"]),
            )
            for row in rows
        ]
