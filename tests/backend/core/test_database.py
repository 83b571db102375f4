"""The database survives what happens to files."""

from pathlib import Path

from backend.core.database import open_database

FIRST = "CREATE TABLE notes (text TEXT)"
SECOND = "ALTER TABLE notes ADD COLUMN author TEXT"


async def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "test.db"
    async with open_database(path) as database:
        await database.migrate("notes", [FIRST])
        await database.execute("INSERT INTO notes VALUES ('kept')")
    async with open_database(path) as database:
        await database.migrate("notes", [FIRST, SECOND])
        await database.migrate("notes", [FIRST, SECOND])
        row = await database.fetch_one("SELECT text, author FROM notes")
    assert row is not None
    assert tuple(row) == ("kept", None)


async def test_a_file_that_is_no_database_is_set_aside_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    path.write_bytes(b"this was never a database" * 100)
    async with open_database(path) as database:
        assert await database.fetch_all("SELECT name FROM sqlite_master") == []
    (kept,) = tmp_path.glob("test.db.unreadable-*")
    assert kept.read_bytes().startswith(b"this was never")
