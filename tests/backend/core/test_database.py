"""Transactions of the database, and its behaviour when the file is damaged, deleted or locked."""

import asyncio
import shutil
import sqlite3
import types
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from backend.core.database import Database, open_database
from backend.core.errors import CannotRecord

FIRST = "CREATE TABLE notes (text TEXT UNIQUE)"
SECOND = "ALTER TABLE notes ADD COLUMN author TEXT"
ADD = "INSERT INTO notes (text) VALUES (?)"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "test.db") as opened:
        await opened.migrate("notes", [FIRST])
        yield opened


async def notes_in(database: Database) -> list[str]:
    return [row["text"] for row in await database.fetch_all("SELECT text FROM notes ORDER BY rowid")]


async def add_all(database: Database, *texts: str) -> None:
    async with database.transaction():
        for text in texts:
            await database.execute(ADD, (text,))


def notes_on_disk(tmp_path: Path) -> list[str]:
    """Return the committed rows, read through a separate connection."""
    connection = sqlite3.connect(tmp_path / "test.db")
    try:
        return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY rowid")]
    finally:
        connection.close()


async def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "test.db"
    async with open_database(path) as database:
        await database.migrate("notes", [FIRST])
        await database.execute(ADD, ("kept",))
    async with open_database(path) as database:
        await database.migrate("notes", [FIRST, SECOND])
        await database.migrate("notes", [FIRST, SECOND])
        row = await database.fetch_one("SELECT text, author FROM notes")
    assert row is not None
    assert tuple(row) == ("kept", None)


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    async with open_database(tmp_path / "test.db") as database:
        with pytest.raises(sqlite3.OperationalError):
            await database.migrate(
                "notes", [f"{FIRST}; CREATE TABLE more (x); INSERT INTO missing VALUES (1)"]
            )
        await database.migrate("notes", [f"{FIRST}; INSERT INTO notes VALUES ('a;b'), ('--')"])
        assert await notes_in(database) == ["a;b", "--"]


async def test_a_file_that_is_not_a_database_is_renamed_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    path.write_bytes(b"this was never a database" * 100)
    async with open_database(path) as database:
        assert await database.fetch_all("SELECT name FROM sqlite_master") == []
    (unreadable,) = tmp_path.glob("test.db.unreadable-*")
    assert unreadable.read_bytes().startswith(b"this was never")


async def test_other_coroutines_wait_until_a_transaction_ends(database: Database, tmp_path: Path) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    async def add_two_and_fail() -> None:
        async with database.transaction():
            await database.execute(ADD, ("one",))
            assert await notes_in(database) == ["one"]
            started.set()
            await go_on.wait()
            await database.execute(ADD, ("two",))
            raise LookupError

    failing = asyncio.create_task(add_two_and_fail())
    await started.wait()
    reading, writing = (
        asyncio.create_task(notes_in(database)),
        asyncio.create_task(database.execute(ADD, ("three",))),
    )
    also = asyncio.create_task(database.execute_many(ADD, [("four",), ("five",)]))
    assert notes_on_disk(tmp_path) == []
    go_on.set()
    with pytest.raises(LookupError):
        await failing
    assert await reading == []
    await asyncio.gather(writing, also)
    assert notes_on_disk(tmp_path) == ["three", "four", "five"]


async def test_many_transactions_at_once_never_mix(database: Database) -> None:
    async def transfer(number: int) -> None:
        async with database.transaction():
            row = await database.fetch_one("SELECT COUNT(*) AS count FROM notes")
            assert row is not None
            await database.execute(ADD, (f"{row['count']}",))
            await asyncio.sleep(0)
            await database.execute(ADD, (f"{row['count'] + 1}",))
            if number % 3 == 0:
                raise LookupError

    await asyncio.gather(*(transfer(number) for number in range(30)), return_exceptions=True)
    assert await notes_in(database) == [f"{number}" for number in range(40)]


async def test_a_nested_transaction_is_undone_alone(database: Database, tmp_path: Path) -> None:
    async with database.transaction():
        await database.execute(ADD, ("outer",))
        with pytest.raises(sqlite3.IntegrityError):
            await add_all(database, "inner", "inner")
        await add_all(database, "second", "third")
    assert notes_on_disk(tmp_path) == ["outer", "second", "third"]


async def test_a_conflict_that_is_handled_ends_only_its_statement(database: Database) -> None:
    async with database.transaction():
        await database.execute(ADD, ("one",))
        with pytest.raises(sqlite3.IntegrityError):
            await database.execute(ADD, ("one",))
        await database.execute(ADD, ("two",))
    assert await notes_in(database) == ["one", "two"]


async def test_tasks_started_in_a_transaction_belong_to_it(database: Database) -> None:
    async def add_in_other_tasks(*texts: str) -> None:
        async with database.transaction():
            await asyncio.wait_for(database.execute(ADD, ("first",)), 5)
            await asyncio.gather(*(database.execute(ADD, (text,)) for text in texts))

    with pytest.raises(sqlite3.IntegrityError):
        await add_in_other_tasks("second", "first")
    assert await notes_in(database) == []


async def test_a_task_that_outlives_its_transaction_commits_by_itself(database: Database) -> None:
    go_on = asyncio.Event()

    async def later() -> None:
        await go_on.wait()
        await add_all(database, "later", "latest")

    async with database.transaction():
        task = asyncio.create_task(later())
        await database.execute(ADD, ("now",))
    go_on.set()
    await task
    assert await notes_in(database) == ["now", "later", "latest"]


@types.coroutine
def cancelled_at(suspension: int, work: Coroutine[Any, Any, None]) -> Generator[Any, None, None]:
    """Run `work` and cancel it at its nth suspension."""
    error: asyncio.CancelledError | sqlite3.Error | None = None
    for number in count():
        try:
            awaited = work.throw(error) if error else work.send(None)
        except StopIteration:
            return
        task = asyncio.current_task()
        if number == suspension and task:
            task.cancel()
        error = None
        try:
            yield awaited
        except (asyncio.CancelledError, sqlite3.Error) as raised:
            error = raised


@pytest.mark.parametrize("suspension", range(12))
async def test_a_cancelled_transaction_is_complete_or_undone(
    database: Database, tmp_path: Path, suspension: int
) -> None:
    async def add_two() -> None:
        async with database.transaction():
            await database.execute(ADD, ("one",))
            async with database.transaction():
                await database.execute(ADD, ("two",))

    async def run() -> None:
        await cancelled_at(suspension, add_two())

    (result,) = await asyncio.gather(asyncio.create_task(run()), return_exceptions=True)
    assert isinstance(result, asyncio.CancelledError) == (suspension < 8)
    assert notes_on_disk(tmp_path) in ([], ["one", "two"])
    await database.execute(ADD, ("after",))
    assert notes_on_disk(tmp_path)[-1] == "after"


async def test_a_transaction_that_fills_the_disk_is_undone_completely(
    database: Database, tmp_path: Path
) -> None:
    await database.execute("PRAGMA max_page_count = 8")

    async def add_until_full(*texts: str) -> None:
        async with database.transaction():
            for text in texts:
                with suppress(CannotRecord):
                    await database.execute(ADD, (text,))

    with pytest.raises(CannotRecord):
        await add_until_full("small", "large" * 10_000, "after")
    assert notes_on_disk(tmp_path) == []
    await database.execute(ADD, ("small",))
    assert notes_on_disk(tmp_path) == ["small"]


async def test_a_transaction_that_another_process_blocks_is_undone_as_a_whole(
    database: Database, tmp_path: Path
) -> None:
    await database.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM notes").fetchall()
    with pytest.raises(CannotRecord, match="locked"):
        async with database.transaction():
            await database.execute(ADD, ("one",))
    other.execute("COMMIT")
    assert notes_on_disk(tmp_path) == []
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CannotRecord, match="locked"):
        async with database.transaction():
            pytest.fail("the database is locked")
    other.close()
    await database.execute(ADD, ("two",))
    assert notes_on_disk(tmp_path) == ["two"]


async def test_a_database_that_was_deleted_is_restored_with_everything_in_it(
    database: Database, tmp_path: Path
) -> None:
    await add_all(database, "one", "two")
    (tmp_path / "test.db").unlink()
    with pytest.raises(CannotRecord):
        await database.execute(ADD, ("lost",))
    assert await database.problem() is None
    await database.execute(ADD, ("three",))
    assert notes_on_disk(tmp_path) == ["one", "two", "three"]


async def test_a_deleted_folder_is_created_again(tmp_path: Path) -> None:
    path = tmp_path / "state/test.db"
    async with open_database(path) as database:
        await database.migrate("notes", [FIRST])
        shutil.rmtree(path.parent)
        assert await database.problem() is None
        await database.execute(ADD, ("one",))
        assert await database.problem() is None
        assert path.exists()
        assert await notes_in(database) == ["one"]


async def test_a_write_problem_is_reported_until_it_is_solved(database: Database, tmp_path: Path) -> None:
    await database.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    problem = await database.problem()
    assert problem is not None
    assert "locked" in problem
    other.close()
    assert await database.problem() is None


@pytest.mark.slow
async def test_opening_waits_for_a_locked_database(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE notes (text TEXT)")
    other.execute("BEGIN EXCLUSIVE")

    async def opened() -> list[str]:
        async with open_database(path) as database:
            return await notes_in(database)

    opening = asyncio.create_task(opened())
    done, _ = await asyncio.wait([opening], timeout=7)
    assert not done
    other.execute("COMMIT")
    assert await opening == []
    other.close()
