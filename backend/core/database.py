"""One SQLite file, one connection, migrations that each room owns."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import structlog

from backend.core import clock
from backend.core.errors import CannotRecord

log = structlog.get_logger(__name__)

Parameters = Sequence[Any] | dict[str, Any]

# WAL needs shared memory, which network file systems lack; a rollback journal works everywhere. One that
# is kept has its blocks already: on a full disk records can still be changed.
PRAGMAS = "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;"

# What happens to the disk, not a mistake in a statement. Extended codes carry these in their low byte.
DISK_FAULTS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    }
)
# Between two tries to write a record.
RECORD_SECONDS = 2.0

Result = TypeVar("Result")


class Database:
    """A thin, typed door to SQLite. Each statement commits at once; CannotRecord when the disk does not take it."""

    def __init__(self, connection: aiosqlite.Connection):
        self._connection = connection

    async def execute(self, statement: str, parameters: Parameters = ()) -> int:
        """Run one statement; returns how many rows it changed."""
        with _disk_faults():
            async with self._connection.execute(statement, parameters) as cursor:
                return cursor.rowcount

    async def fetch_all(self, query: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        with _disk_faults():
            async with self._connection.execute(query, parameters) as cursor:
                return list(await cursor.fetchall())

    async def fetch_one(self, query: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        with _disk_faults():
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


async def until_recorded(write: Callable[[], Awaitable[Result]]) -> Result:
    """A full disk may refuse our own records too: what has happened stays in memory until it takes them."""
    while True:
        try:
            return await write()
        except CannotRecord as fault:
            log.warning("a record cannot be written and is tried again", reason=fault.message)
            await asyncio.sleep(RECORD_SECONDS)


@contextmanager
def _disk_faults() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in DISK_FAULTS:
            raise
        raise CannotRecord(
            f"The control plane cannot keep its records: {error}. See whether the disk is full, then try again."
        ) from error


def placeholders(values: Iterable[object]) -> str:
    """`?, ?, ?` for an IN clause."""
    return ", ".join("?" for _ in values)
