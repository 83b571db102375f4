"""Where transfers are kept: one table."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from backend.core import clock
from backend.core.database import Database, placeholders
from backend.downloads.models import UNFINISHED, LogLine, Problem, State, Transfer, Verification

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
        WHERE state IN ('queued', 'running', 'verifying', 'retrying', 'paused')
    """,
    """
    ALTER TABLE transfers ADD COLUMN position REAL NOT NULL DEFAULT 0;
    ALTER TABLE transfers ADD COLUMN seen_by_comfyui INTEGER;
    UPDATE transfers SET position = rowid;
    CREATE TABLE transfer_log (
        transfer TEXT NOT NULL REFERENCES transfers (id) ON DELETE CASCADE,
        at TEXT NOT NULL,
        message TEXT NOT NULL
    );
    CREATE INDEX transfer_log_by_transfer ON transfer_log (transfer);
    CREATE TABLE download_policy (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), policy TEXT NOT NULL)
    """,
    # One record for each destination that is not connected. Of several, what still moves is kept, else the newest.
    """
    DELETE FROM transfers WHERE state <> 'done' AND id <> (
        SELECT id FROM transfers AS rival
        WHERE rival.folder = transfers.folder AND rival.filename = transfers.filename AND rival.state <> 'done'
        ORDER BY rival.state IN ('failed', 'cancelled', 'quarantined'), rival.created_at DESC, rival.id DESC LIMIT 1
    );
    DROP INDEX one_transfer_per_destination;
    CREATE UNIQUE INDEX one_transfer_per_destination ON transfers (folder, filename) WHERE state <> 'done';
    CREATE INDEX transfers_by_place ON transfers (folder, filename);
    DROP INDEX transfers_by_state;
    CREATE INDEX transfers_in_order ON transfers (state, position, created_at, id)
    """,
)

COLUMNS = (
    "id", "url", "alternatives", "folder", "filename", "sha256", "bytes", "received", "state", "verification",
    "problem_code", "problem_message", "failures", "preset", "created_at", "started_at", "finished_at", "retry_at",
    "position", "seen_by_comfyui",
)  # fmt: skip
NAMES = ", ".join(column for column in COLUMNS if column != "position")
FIELDS = ", ".join(f":{column}" for column in COLUMNS if column != "position")
# A transfer gets its place when it is asked for, and another one only from `arrange`.
CHANGES = ", ".join(f"{column} = :{column}" for column in COLUMNS if column not in ("id", "position"))


class TransferStore:
    """Reads and writes `Transfer` records."""

    def __init__(self, database: Database):
        self._database = database

    async def prepare(self) -> None:
        await self._database.migrate("downloads", MIGRATIONS)

    async def add(self, transfer: Transfer) -> bool:
        """False when the destination has a record already that is not done."""
        try:
            await self._database.execute(
                f"INSERT INTO transfers ({NAMES}, position) "
                f"SELECT {FIELDS}, COALESCE(MAX(position), 0) + 1 FROM transfers",
                _to_row(transfer),
            )
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
        """Unfinished ones and the newest finished ones, in the order of the queue."""
        unfinished = sorted(UNFINISHED)
        rows = await self._database.fetch_all(
            f"SELECT * FROM transfers WHERE state IN ({placeholders(unfinished)}) OR id IN "
            "(SELECT id FROM transfers ORDER BY created_at DESC LIMIT ?) ORDER BY position, created_at, id",
            (*unfinished, limit),
        )
        return [_from_row(row) for row in rows]

    async def in_state(self, *states: State) -> list[Transfer]:
        """In the order of the queue."""
        rows = await self._database.fetch_all(
            f"SELECT * FROM transfers WHERE state IN ({placeholders(states)}) ORDER BY position, created_at, id",
            states,
        )
        return [_from_row(row) for row in rows]

    async def next_queued(self, limit: int, besides: Collection[str]) -> list[Transfer]:
        """The first of the queue, without those whose ids are named."""
        rows = await self._database.fetch_all(
            f"SELECT * FROM transfers WHERE state = 'queued' AND id NOT IN ({placeholders(besides)}) "
            "ORDER BY position, created_at, id LIMIT ?",
            (*besides, max(0, limit)),
        )
        return [_from_row(row) for row in rows]

    async def queue_due(self, now: datetime) -> list[Transfer]:
        """Put back into the queue whoever has waited long enough."""
        rows = await self._database.fetch_all(
            "UPDATE transfers SET state = 'queued', retry_at = NULL WHERE state = 'retrying' AND retry_at <= ? RETURNING *",
            (clock.to_text(now),),
        )
        return [_from_row(row) for row in rows]

    async def next_due(self) -> datetime | None:
        row = await self._database.fetch_one(
            "SELECT MIN(retry_at) AS due FROM transfers WHERE state = 'retrying'"
        )
        return _moment(row["due"]) if row else None

    async def still_to_come(self, *states: State) -> int:
        """Bytes, as far as sizes are known."""
        row = await self._database.fetch_one(
            "SELECT COALESCE(SUM(MAX(0, bytes - received)), 0) AS total FROM transfers "
            f"WHERE state IN ({placeholders(states)}) AND bytes IS NOT NULL",
            states,
        )
        return int(row["total"]) if row else 0

    async def put_first(self, ids: Sequence[str]) -> None:
        """Give these places before all others, in this order."""
        if ids:
            whens = " ".join("WHEN ? THEN ?" for _ in ids)
            places = [value for place, key in enumerate(ids) for value in (key, place)]
            await self._database.execute(
                f"UPDATE transfers SET position = (SELECT MIN(position) FROM transfers) - {len(ids)} "
                f"+ CASE id {whens} END WHERE id IN ({placeholders(ids)})",
                (*places, *ids),
            )

    async def forget(self, transfer_id: str, only_if: Iterable[State]) -> bool:
        """Remove the record and its log, if its state is one of `only_if`."""
        states = list(only_if)
        statement = f"DELETE FROM transfers WHERE id = ? AND state IN ({placeholders(states)})"
        return await self._database.execute(statement, (transfer_id, *states)) == 1

    async def note(self, transfer_id: str, message: str) -> None:
        """Add a line to the transfer's log; nothing happens when the transfer is forgotten."""
        await self._database.execute(
            "INSERT INTO transfer_log SELECT id, ?, ? FROM transfers WHERE id = ?",
            (clock.to_text(clock.now()), message, transfer_id),
        )

    async def log(self, transfer_id: str) -> list[LogLine]:
        rows = await self._database.fetch_all(
            "SELECT at, message FROM transfer_log WHERE transfer = ? ORDER BY rowid", (transfer_id,)
        )
        return [LogLine(at=clock.from_text(row["at"]), message=row["message"]) for row in rows]

    async def policy(self) -> str | None:
        """The policy as it was written, JSON."""
        row = await self._database.fetch_one("SELECT policy FROM download_policy")
        return row["policy"] if row else None

    async def newest_for(self, folder: str, filename: str) -> Transfer | None:
        """The record that is not done, if there is one; else the newest that is."""
        row = await self._database.fetch_one(
            "SELECT * FROM transfers WHERE folder = ? AND filename = ? "
            "ORDER BY state = 'done', created_at DESC, id DESC LIMIT 1",
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
            "seen_by_comfyui": None if row["seen_by_comfyui"] is None else bool(row["seen_by_comfyui"]),
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
