"""One SQLite file, one connection, migrations that each room owns."""

import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import structlog

from backend.core import clock

log = structlog.get_logger(__name__)

Parameters = Sequence[Any] | dict[str, Any]

# WAL needs shared memory, which network file systems lack; a rollback journal works everywhere.
PRAGMAS = "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;"


class Database:
    """A thin, typed door to SQLite. Statements commit at once unless inside `transaction()`."""

    def __init__(self, connection: aiosqlite.Connection):
        self._connection = connection

    async def execute(self, statement: str, parameters: Parameters = ()) -> int:
        """Run one statement; returns how many rows it changed."""
        async with self._connection.execute(statement, parameters) as cursor:
            return cursor.rowcount

    async def fetch_all(self, query: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        async with self._connection.execute(query, parameters) as cursor:
            return list(await cursor.fetchall())

    async def fetch_one(self, query: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        async with self._connection.execute(query, parameters) as cursor:
            return await cursor.fetchone()

    async def migrate(self, room: str, steps: Sequence[str]) -> None:
        """Bring one room's tables up to date. `steps` only ever grows at its end."""
        await self.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (room TEXT PRIMARY KEY, version INTEGER NOT NULL)"
        )
        row = await self.fetch_one("SELECT version FROM schema_version WHERE room = ?", (room,))
        done = row["version"] if row else 0
        for number, step in enumerate(steps[done:], start=done + 1):
            await self._connection.executescript(
                f"BEGIN IMMEDIATE; {step}; "  # noqa: S608 - all of it is our own source code
                f"INSERT INTO schema_version VALUES ('{room}', {number}) "
                f"ON CONFLICT (room) DO UPDATE SET version = {number}; COMMIT;"
            )


@asynccontextmanager
async def open_database(path: Path) -> AsyncIterator[Database]:
    """Open or create the file. One that SQLite cannot read is set aside, never deleted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = await _connect(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, read-only, disk full: not the file's fault
            raise
        _set_aside(path)
        connection = await _connect(path)
    try:
        yield Database(connection)
    finally:
        await connection.close()


async def _connect(path: Path) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        await connection.executescript(PRAGMAS)
        await connection.execute_fetchall("SELECT name FROM sqlite_master")
    except BaseException:
        await connection.close()
        raise
    return connection


def _set_aside(path: Path) -> None:
    stamp = clock.now().strftime("%Y%m%dT%H%M%SZ")
    kept = path.with_name(f"{path.name}.unreadable-{stamp}")
    path.rename(kept)
    log.warning("the database could not be read and was set aside; a new one is made", kept_as=kept.name)


def placeholders(values: Iterable[object]) -> str:
    """`?, ?, ?` for an IN clause."""
    return ", ".join("?" for _ in values)
