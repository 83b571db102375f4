"""One SQLite file with one connection that all coroutines share. Each feature owns its migrations."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TypeAlias, TypeVar

import aiosqlite
import structlog

from backend.core import clock
from backend.core.async_tools import run_to_completion
from backend.core.errors import CannotRecord
from backend.core.files import write_atomically

log = structlog.get_logger(__name__)

Value: TypeAlias = str | int | float | bytes | None
Parameters: TypeAlias = Sequence[Value] | Mapping[str, Value]

# WAL needs shared memory, which network file systems lack; a rollback journal works everywhere. A persistent
# journal already owns its blocks, so records can still be changed on a full disk.
PRAGMAS = "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;"

# Faults of the disk, not of a statement. Extended error codes contain these in their low byte.
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
# Between two attempts to write a record.
RECORD_SECONDS = 2.0
# Between two attempts to open a locked file; each attempt waits for `busy_timeout` as well.
LOCKED_SECONDS = 1.0
# Written only to check that the file is writable; nothing reads it.
SCHEMA_VERSION = 1
OPEN_FILES = Path("/proc/self/fd")

Result = TypeVar("Result")


class _Scope:
    """Where statements run: directly on the connection, where each commits at once, or in an open transaction.

    The lock lets one statement or one nested transaction run at a time. A transaction holds the lock of the
    scope around it, so no other coroutine can read or write between its statements.
    """

    def __init__(self, outer: "_Scope | None" = None):
        self.outer = outer
        self.depth: int = outer.depth + 1 if outer else 0
        self.lock = asyncio.Lock()
        self.closed = False
        self.failure: CannotRecord | None = None

    def fail(self, failure: CannotRecord) -> None:
        """Allow only a rollback from now on: SQLite may have rolled back the whole transaction by itself."""
        scope: _Scope | None = self
        while scope and scope.outer:
            scope.failure = scope.failure or failure
            scope = scope.outer

    def raise_failure(self) -> None:
        if self.failure:
            raise self.failure

    @property
    def begin(self) -> str:
        return "BEGIN IMMEDIATE" if self.depth == 1 else f"SAVEPOINT level_{self.depth}"

    @property
    def commit(self) -> str:
        return "COMMIT" if self.depth == 1 else f"RELEASE level_{self.depth}"

    @property
    def undo(self) -> str:
        return f"ROLLBACK TO level_{self.depth}; RELEASE level_{self.depth}"


# A task started inside a transaction inherits it, so `asyncio.wait_for` and `gather` work inside it.
_current: ContextVar[_Scope | None] = ContextVar("transaction", default=None)


class Database:
    """A thin, typed layer over SQLite.

    A statement outside `transaction()` commits at once. Statements raise CannotRecord when the disk rejects them.
    """

    def __init__(self, connection: aiosqlite.Connection, path: Path):
        self._connection = connection
        self._path = path
        self._root = _Scope()
        self._migrations: dict[str, Sequence[str]] = {}

    async def close(self) -> None:
        await self._connection.close()

    async def problem(self) -> str | None:
        """Try to write to the file. Return a message that says why it failed, or None.

        A deleted file is created again from the data that the open connection still holds.
        """
        try:
            async with self._root.lock:
                was_deleted = not await asyncio.to_thread(self._path.exists)
                if was_deleted:
                    await run_to_completion(self._restore())
                with _disk_faults():
                    await self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            for feature, scripts in list(self._migrations.items()) if was_deleted else ():
                await self.migrate(feature, scripts)
        except CannotRecord as fault:
            return fault.message
        except OSError as error:
            return f"The control plane cannot write its database: {error.strerror}."
        return None

    async def _restore(self) -> None:
        """Create the file again at the same path, with the content of the deleted one, and connect to it."""
        kept = await asyncio.to_thread(_undelete, self._path)
        with _disk_faults():
            connection = await _connect(self._path)
        deleted, self._connection = self._connection, connection
        await deleted.close()
        log.warning("the database was deleted while in use and has been created again", everything_kept=kept)

    async def execute(self, statement: str, parameters: Parameters = ()) -> int:
        """Run one statement and return how many rows it changed."""
        async with (
            self._statement_scope(),
            self._connection.execute(statement, parameters) as cursor,
        ):
            return cursor.rowcount

    async def execute_many(self, statement: str, rows: Iterable[Parameters]) -> None:
        """Run one statement for each of `rows`: all of them or none."""
        async with self.transaction(), self._statement_scope():
            await self._connection.executemany(statement, rows)

    async def fetch_all(self, query: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        async with self._statement_scope():
            return list(await self._connection.execute_fetchall(query, parameters))

    async def fetch_one(self, query: str, parameters: Parameters = ()) -> sqlite3.Row | None:
        """Return the first row. All are read, so that the query should return one."""
        rows = await self.fetch_all(query, parameters)
        return rows[0] if rows else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Write related rows together or not at all.

        Statements of other coroutines wait until the block ends, so await nothing but statements in it and publish
        events after it. An exception or a cancellation undoes the block; a nested block is undone alone.
        """
        async with self._turn() as outer:
            scope = _Scope(outer)
            token = _current.set(scope)
            try:
                with _disk_faults():
                    await self._connection.execute(scope.begin)
                yield
                async with scope.lock:
                    scope.closed = True
                scope.raise_failure()
                with _disk_faults():
                    await run_to_completion(self._run(scope.commit))
            except BaseException:
                scope.closed = True
                await run_to_completion(self._undo(scope))
                raise
            finally:
                _current.reset(token)

    async def migrate(self, feature: str, scripts: Sequence[str]) -> None:
        """Run the scripts of one feature that have not run yet. New scripts are only ever added at the end."""
        self._migrations[feature] = scripts
        await self.execute(
            "CREATE TABLE IF NOT EXISTS migrations (feature TEXT PRIMARY KEY, version INTEGER NOT NULL)"
        )
        row = await self.fetch_one("SELECT version FROM migrations WHERE feature = ?", (feature,))
        done = row["version"] if row else 0
        async with self.transaction():
            for script in scripts[done:]:
                for statement in _statements_of(script):
                    await self.execute(statement)
            await self.execute(
                "INSERT INTO migrations VALUES (:feature, :version)"
                " ON CONFLICT (feature) DO UPDATE SET version = MAX(version, :version)",
                {"feature": feature, "version": len(scripts)},
            )

    @asynccontextmanager
    async def _statement_scope(self) -> AsyncIterator[None]:
        async with self._turn() as scope:
            try:
                with _disk_faults():
                    yield
            except CannotRecord as failure:
                scope.fail(failure)
                raise
            except asyncio.CancelledError:
                scope.fail(CannotRecord("The change was interrupted and has been undone. Try again."))
                raise

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[_Scope]:
        """Wait until the innermost open transaction of this task, else the connection, is free."""
        while True:
            scope = self._innermost()
            async with scope.lock:
                if not scope.closed:
                    scope.raise_failure()
                    yield scope
                    return

    def _innermost(self) -> _Scope:
        scope = _current.get()
        while scope and scope.closed:
            scope = scope.outer
        return scope or self._root

    async def _run(self, statement: str) -> None:
        await self._connection.execute(statement)

    async def _undo(self, scope: _Scope) -> None:
        """Roll back. A cancelled statement has ended by now, because the connection runs statements in order."""
        if scope.depth == 1:
            await self._connection.rollback()  # does nothing where SQLite has rolled back already
            return
        try:
            for statement in scope.undo.split("; "):
                await self._connection.execute(statement)
        except sqlite3.OperationalError as error:
            scope.fail(CannotRecord(f"The change was undone: {error}. Try again."))


@asynccontextmanager
async def open_database(path: Path) -> AsyncIterator[Database]:
    """Open or create the file. A file that SQLite cannot read is renamed, never deleted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = await _connect_when_free(path)
    except sqlite3.DatabaseError as error:
        if isinstance(
            error, sqlite3.OperationalError
        ):  # locked, read-only or disk full: the file may be intact
            raise
        _rename_unreadable(path)
        connection = await _connect(path)
    database = Database(connection, path)
    try:
        yield database
    finally:
        await database.close()


async def _connect_when_free(path: Path) -> aiosqlite.Connection:
    """Connect. Wait while another process locks the file."""
    while True:
        try:
            return await _connect(path)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            log.warning("the database is locked by another process; waiting until it is free", path=str(path))
            await asyncio.sleep(LOCKED_SECONDS)


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


def _undelete(path: Path) -> bool:
    """Copy a deleted file that this process still has open back to its path. Return False when its content is lost."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for descriptor in OPEN_FILES.iterdir():
        with suppress(OSError):
            if str(descriptor.readlink()) == f"{path} (deleted)":
                write_atomically(path, descriptor.read_bytes())
                return True
    return False


def _rename_unreadable(path: Path) -> None:
    stamp = clock.now().strftime("%Y%m%dT%H%M%SZ")
    unreadable = path.with_name(f"{path.name}.unreadable-{stamp}")
    path.rename(unreadable)
    log.warning(
        "the database cannot be read; it was renamed and a new one created", renamed_to=unreadable.name
    )


async def until_recorded(write: Callable[[], Awaitable[Result]]) -> Result:
    """Repeat `write` until the disk accepts it. Until then the record stays in memory."""
    while True:
        try:
            return await write()
        except CannotRecord as fault:
            log.warning("a record cannot be written; trying again", reason=fault.message)
            await asyncio.sleep(RECORD_SECONDS)


@contextmanager
def _disk_faults() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        # Errors that Python's sqlite3 module raises by itself have no code.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in DISK_FAULTS:
            raise
        raise CannotRecord(
            f"The control plane cannot write its database: {error}. Check whether the disk is full, then try again."
        ) from error


def _statements_of(script: str) -> Iterator[str]:
    """Yield the statements of a script. Ignore semicolons inside a string or a trigger."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
