"""Where transfers are kept: one table."""

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from backend.core import clock
from backend.core.database import Database, placeholders
from backend.downloads.models import UNFINISHED, Problem, State, Transfer, Verification

MIGRATIONS = (
    """
    CREATE TABLE transfers (
        id TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        alternatives TEXT NOT NULL,
        folder TEXT NOT NULL,
        filename TEXT NOT NULL,
        sha256 TEXT,
        bytes INTEGER,
        received INTEGER NOT NULL,
        state TEXT NOT NULL,
        verification TEXT,
        problem_code TEXT,
        problem_message TEXT,
        failures INTEGER NOT NULL,
        preset TEXT,
        created_at TEXT NOT NULL,
        started_at TEXT,
        finished_at TEXT,
        retry_at TEXT
    );
    CREATE INDEX transfers_by_state ON transfers (state, created_at);
    CREATE UNIQUE INDEX one_transfer_per_destination ON transfers (folder, filename)
        WHERE state IN ('queued', 'running', 'verifying', 'waiting', 'paused')
    """,
)

COLUMNS = (
    "id", "url", "alternatives", "folder", "filename", "sha256", "bytes", "received", "state", "verification",
    "problem_code", "problem_message", "failures", "preset", "created_at", "started_at", "finished_at", "retry_at",
)  # fmt: skip
FIELDS = ", ".join(f":{column}" for column in COLUMNS)
CHANGES = ", ".join(f"{column} = :{column}" for column in COLUMNS if column != "id")


class TransferStore:
    """Reads and writes `Transfer` records."""

    def __init__(self, database: Database):
        self._database = database

    async def prepare(self) -> None:
        await self._database.migrate("downloads", MIGRATIONS)

    async def add(self, transfer: Transfer) -> bool:
        """False when another unfinished transfer has the same destination."""
        try:
            await self._database.execute(f"INSERT INTO transfers VALUES ({FIELDS})", _to_row(transfer))
        except sqlite3.IntegrityError:
            return False
        return True

    async def save(self, transfer: Transfer, *, only_if: Iterable[State]) -> bool:
        """Write the record if its state is still one of `only_if`; False when somebody was faster."""
        states = ", ".join(f"'{state.value}'" for state in only_if)
        statement = f"UPDATE transfers SET {CHANGES} WHERE id = :id AND state IN ({states})"
        return await self._database.execute(statement, _to_row(transfer)) == 1

    async def get(self, transfer_id: str) -> Transfer | None:
        row = await self._database.fetch_one("SELECT * FROM transfers WHERE id = ?", (transfer_id,))
        return _from_row(row) if row else None

    async def all(self, limit: int = 500) -> list[Transfer]:
        """Unfinished ones and the newest finished ones, oldest first."""
        unfinished = sorted(UNFINISHED)
        rows = await self._database.fetch_all(
            f"SELECT * FROM transfers WHERE state IN ({placeholders(unfinished)}) OR id IN "
            "(SELECT id FROM transfers ORDER BY created_at DESC LIMIT ?) ORDER BY created_at, id",
            (*unfinished, limit),
        )
        return [_from_row(row) for row in rows]

    async def in_state(self, *states: State) -> list[Transfer]:
        """In the order they were asked for."""
        rows = await self._database.fetch_all(
            f"SELECT * FROM transfers WHERE state IN ({placeholders(states)}) ORDER BY created_at, id", states
        )
        return [_from_row(row) for row in rows]

    async def newest_for(self, folder: str, filename: str) -> Transfer | None:
        row = await self._database.fetch_one(
            "SELECT * FROM transfers WHERE folder = ? AND filename = ? ORDER BY created_at DESC, id DESC LIMIT 1",
            (folder, filename),
        )
        return _from_row(row) if row else None


def _to_row(transfer: Transfer) -> dict[str, str | int | None]:
    problem = transfer.problem
    return {
        **{column: getattr(transfer, column, None) for column in COLUMNS},
        "alternatives": json.dumps(transfer.alternatives),
        "problem_code": problem.code if problem else None,
        "problem_message": problem.message if problem else None,
        "created_at": clock.to_text(transfer.created_at),
        "started_at": _text(transfer.started_at),
        "finished_at": _text(transfer.finished_at),
        "retry_at": _text(transfer.retry_at),
    }


def _from_row(row: sqlite3.Row) -> Transfer:
    values = dict(row)
    code, message = values.pop("problem_code"), values.pop("problem_message")
    return Transfer(
        **values
        | {
            "alternatives": tuple(json.loads(row["alternatives"])),
            "state": State(row["state"]),
            "verification": Verification(row["verification"]) if row["verification"] else None,
            "problem": Problem(code=code, message=message) if code else None,
            "created_at": clock.from_text(row["created_at"]),
            "started_at": _moment(row["started_at"]),
            "finished_at": _moment(row["finished_at"]),
            "retry_at": _moment(row["retry_at"]),
        }
    )


def _text(moment: datetime | None) -> str | None:
    return clock.to_text(moment) if moment else None


def _moment(text: str | None) -> datetime | None:
    return clock.from_text(text) if text else None
