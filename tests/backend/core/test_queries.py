"""Each store uses exactly the statements in the SQL file beside it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.core.queries import Queries

BACKEND = Path(__file__).parents[3] / "backend"
FILES = sorted(BACKEND.rglob("*.sql"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_each_statement_exists_and_is_used(file: Path) -> None:
    named = set(re.findall(r"^-- name: (\w+)$", file.read_text(), re.MULTILINE))
    used = set(re.findall(r"\bSQL\.(\w+)", "".join(_sources(file.with_suffix(".py")))))
    if "migrations" in used:
        used |= {name for name in named if name.startswith("migration_")}
    assert used - {"migrations"} == named


def _sources(store: Path) -> Iterator[str]:
    """Yield the store, and the modules beside it that import its statements."""
    yield store.read_text()
    for path in store.parent.glob("*.py"):
        source = path.read_text()
        if re.search(rf"\.{store.stem} import .*\bSQL\b", source):
            yield source


def test_an_unknown_statement_is_named_in_the_error(tmp_path: Path) -> None:
    file = tmp_path / "store.sql"
    file.write_text("-- name: one\n-- Why.\nSELECT 1;\n\n-- name: migration_1\nCREATE TABLE a (b);\n")
    queries = Queries(file)
    assert queries.one.strip().endswith("SELECT 1;")
    assert len(queries.migrations) == 1
    with pytest.raises(AttributeError, match=r"store\.sql has no statement named two"):
        _ = queries.two
