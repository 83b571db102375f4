"""The table of the activity log."""

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from backend.activity.models import Entry
from backend.core import clock
from backend.core.database import Database, Parameters
from backend.core.queries import queries_beside

SQL = queries_beside(__file__)

# Larger than any sequence number.
END = 2**62


class ActivityStore:
    """Appends entries, reads them in order, and deletes the oldest."""

    def __init__(self, database: Database):
        self._database = database

    async def prepare(self) -> None:
        await self._database.migrate("activity", SQL.migrations)

    async def add(self, entries: Iterable[Entry]) -> None:
        """Append `entries` together; the database gives them their numbers."""
        await self._database.execute_many(SQL.add, [_to_row(entry) for entry in entries])

    async def after(self, seq: int, limit: int, kind: str = "") -> list[Entry]:
        rows = await self._database.fetch_all(SQL.entries_after, {"seq": seq, "limit": limit, "kind": kind})
        return [_from_row(row) for row in rows]

    async def before(self, seq: int, limit: int, kind: str = "") -> list[Entry]:
        """Return the newest entries older than `seq`, oldest first."""
        rows = await self._database.fetch_all(SQL.entries_before, {"seq": seq, "limit": limit, "kind": kind})
        return [_from_row(row) for row in reversed(rows)]

    async def ends(self) -> tuple[int, int]:
        """Return the oldest and the newest sequence number, 0 and 0 for an empty log."""
        row = await self._database.fetch_one(SQL.ends)
        return (row["oldest"], row["latest"]) if row else (0, 0)

    async def prune(self, most: int, fewest: int, before: datetime) -> None:
        """Keep at most `most` entries; delete those older than `before` unless they are among the newest `fewest`."""
        await self._database.execute(
            SQL.prune, {"most": most, "fewest": fewest, "before": clock.to_text(before)}
        )


def _to_row(entry: Entry) -> Parameters:
    return {
        "at": clock.to_text(entry.at),
        "kind": entry.kind,
        "principal": entry.principal,
        "subject": entry.subject,
        "details": json.dumps(entry.details),
    }


def _from_row(row: sqlite3.Row) -> Entry:
    return Entry(**{**dict(row), "at": clock.from_text(row["at"]), "details": json.loads(row["details"])})
