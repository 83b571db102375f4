"""Stores transfers and their logs in the database."""

import heapq
import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from backend.core import clock
from backend.core.database import Database, Value
from backend.core.queries import as_json, queries_beside
from backend.downloads.engine.models import Verification
from backend.downloads.models import UNFINISHED, LogLine, Problem, State, Transfer

SQL = queries_beside(__file__)
# Sorts after every time and every id.
LAST = "~"


@dataclass(frozen=True, kw_only=True)
class TransferFilter:
    """Which transfers a list contains."""

    states: frozenset[State]
    preset: str | None = None
    # Part of folder, file name, host or preset.
    q: str = ""
    # Finished transfers that have ended since then.
    since: datetime | None = None

    def parameters(self) -> dict[str, Value]:
        return {
            "states": as_json(self.states),
            "preset": self.preset,
            "q": self.q.lower(),
            "since": _text(self.since),
        }


class TransferStore:
    """Reads and writes `Transfer` records."""

    def __init__(self, database: Database):
        self._database = database

    async def prepare(self) -> None:
        await self._database.migrate("downloads", SQL.migrations)

    async def add(self, transfer: Transfer, note: str) -> bool:
        """Add a transfer. Return False when its destination has a record that is not done."""
        try:
            async with self._database.transaction():
                await self._database.execute(SQL.add, _to_row(transfer))
                await self._add_note(transfer.id, note)
        except sqlite3.IntegrityError:
            return False
        return True

    async def save(self, transfer: Transfer, *, only_if: Iterable[State], note: str | None = None) -> bool:
        """Write the record if its state is still one of `only_if`, and add `note` to its log. Return whether it was."""
        async with self._database.transaction():
            parameters = {**_to_row(transfer), "only_if": as_json(only_if)}
            saved = await self._database.execute(SQL.save, parameters) == 1
            if saved and note:
                await self._add_note(transfer.id, note)
        return saved

    async def get(self, transfer_id: str) -> Transfer | None:
        row = await self._database.fetch_one(SQL.get, {"id": transfer_id})
        return _from_row(row) if row else None

    async def in_state(self, *states: State) -> list[Transfer]:
        """Return transfers in the order of the queue."""
        return _from_rows(await self._database.fetch_all(SQL.in_state, {"states": as_json(states)}))

    async def cancelled_with_bytes(self) -> list[Transfer]:
        """Return cancelled transfers whose received bytes are still on disk."""
        return _from_rows(await self._database.fetch_all(SQL.cancelled_with_bytes))

    async def queue_page(
        self, matching: TransferFilter, limit: int, after: tuple[float, str] | None = None
    ) -> list[Transfer]:
        """Return transfers in the order of the queue, after a position and id."""
        position, transfer_id = after or (float("-inf"), "")
        parameters: dict[str, Value] = {"limit": limit, "after_position": position, "after_id": transfer_id}
        return _from_rows(await self._database.fetch_all(SQL.queue_page, parameters | matching.parameters()))

    async def finished_page(
        self, matching: TransferFilter, limit: int, before: tuple[str, str] | None = None
    ) -> list[Transfer]:
        """Return finished transfers, the newest first, before an end time and id. Reads no more rows than needed."""
        finished_at, transfer_id = before or (LAST, LAST)
        bounds: dict[str, Value] = {"limit": limit, "before": finished_at, "before_id": transfer_id}
        pages = [
            await self._database.fetch_all(
                SQL.finished_page, {**bounds, **matching.parameters(), "state": state}
            )
            for state in matching.states
        ]
        newest = heapq.merge(*pages, key=lambda row: (row["finished_at"], row["id"]), reverse=True)
        return _from_rows(row for row, _ in zip(newest, range(limit), strict=False))

    async def count(self, matching: TransferFilter) -> int:
        if not matching.q and matching.since is None:
            counts = await self.counts()
            return sum(counts.get(state, 0) for state in matching.states)
        row = await self._database.fetch_one(SQL.count_matching, matching.parameters())
        return int(row["total"]) if row else 0

    async def counts(self) -> dict[State, int]:
        """Return how many transfers are in each state."""
        rows = await self._database.fetch_all(SQL.counts)
        return {State(row["state"]): row["total"] for row in rows}

    async def next_queued(self, limit: int, running: Collection[str]) -> list[Transfer]:
        """Return the first transfers of the queue that are not running."""
        parameters: dict[str, Value] = {"limit": max(0, limit), "running": as_json(running)}
        return _from_rows(await self._database.fetch_all(SQL.next_queued, parameters))

    async def retrying(self) -> dict[str, datetime]:
        """Return when each transfer that waits for a retry is due, by id."""
        rows = await self._database.fetch_all(SQL.retrying)
        return {row["id"]: clock.from_text(row["retry_at"]) for row in rows if row["retry_at"]}

    async def queue_for_retry(self, ids: Iterable[str]) -> list[Transfer]:
        """Put transfers that have waited long enough back into the queue, and return them."""
        return _from_rows(await self._database.fetch_all(SQL.queue_for_retry, {"ids": as_json(ids)}))

    async def missing_bytes(self, *states: State) -> int:
        """Return the bytes still to be received, as far as sizes are known."""
        row = await self._database.fetch_one(SQL.missing_bytes, {"states": as_json(states)})
        return int(row["total"]) if row else 0

    async def pause_all(
        self, states: Iterable[State], received: Iterable[Transfer], problem: Problem | None, note: str
    ) -> list[Transfer]:
        """Pause all transfers in `states`, after saving how much the running ones have received."""
        async with self._database.transaction():
            for transfer in received:
                parameters: dict[str, Value] = {
                    "id": transfer.id,
                    "received": transfer.received,
                    "bytes": transfer.bytes,
                }
                await self._database.execute(SQL.save_received, parameters)
            return await self._change_all(SQL.pause_all, states, note, problem)

    async def requeue_all(self, states: Iterable[State], note: str) -> list[Transfer]:
        """Queue all transfers in `states` again."""
        async with self._database.transaction():
            return await self._change_all(SQL.requeue_all, states, note)

    async def _change_all(
        self, statement: str, states: Iterable[State], note: str, problem: Problem | None = None
    ) -> list[Transfer]:
        parameters: dict[str, Value] = {"states": as_json(states)}
        if ":problem_code" in statement:
            parameters |= _problem_columns(problem)
        changed = _from_rows(await self._database.fetch_all(statement, parameters))
        at = clock.to_text(clock.now())
        ids = as_json(transfer.id for transfer in changed)
        await self._database.execute(SQL.add_notes, {"ids": ids, "at": at, "message": note})
        return sorted(changed, key=lambda transfer: (transfer.position, transfer.id))

    async def put_first(self, ids: Sequence[str]) -> None:
        """Move transfers before all others, in this order."""
        if ids:
            await self._database.execute(SQL.put_first, {"ids": as_json(ids)})

    def transaction(self) -> AbstractAsyncContextManager[None]:
        return self._database.transaction()

    async def gap_beside(self, other_id: str, moved: Sequence[str], *, after: bool) -> tuple[float, float]:
        """Return between which positions transfers go that are put just before, or after, another one."""
        position = await self._position(SQL.position_of, {"id": other_id}) or 0.0
        parameters: dict[str, Value] = {
            "position": position,
            "states": as_json(UNFINISHED),
            "moved": as_json(moved),
        }
        neighbour = await self._position(SQL.neighbour_after if after else SQL.neighbour_before, parameters)
        if after:
            return position, position + len(moved) + 1 if neighbour is None else neighbour
        return position - len(moved) - 1 if neighbour is None else neighbour, position

    async def _position(self, statement: str, parameters: dict[str, Value]) -> float | None:
        row = await self._database.fetch_one(statement, parameters)
        return row["position"] if row else None

    async def set_position(self, transfer_id: str, position: float) -> None:
        await self._database.execute(SQL.set_position, {"id": transfer_id, "position": position})

    async def renumber(self) -> None:
        """Give whole numbers as positions, in the same order."""
        await self._database.execute(SQL.renumber)

    async def delete_all(self, states: Iterable[State]) -> None:
        """Delete all transfers in `states`, and their logs."""
        await self._database.execute(SQL.delete_all, {"states": as_json(states)})

    async def note(self, transfer_id: str, message: str) -> None:
        """Add a line to the transfer's log. Does nothing when the transfer was deleted."""
        await self._add_note(transfer_id, message)

    async def _add_note(self, transfer_id: str, message: str) -> None:
        parameters = {"id": transfer_id, "at": clock.to_text(clock.now()), "message": message}
        await self._database.execute(SQL.add_note, parameters)

    async def log(self, transfer_id: str) -> list[LogLine]:
        rows = await self._database.fetch_all(SQL.log, {"id": transfer_id})
        return [LogLine(at=clock.from_text(row["at"]), message=row["message"]) for row in rows]

    async def newest_for(self, folder: str, filename: str) -> Transfer | None:
        """Return the record of a destination that is not done, if there is one; else the newest that is."""
        row = await self._database.fetch_one(SQL.newest_for, {"folder": folder, "filename": filename})
        return _from_row(row) if row else None


def _to_row(transfer: Transfer) -> dict[str, Value]:
    return {
        "id": transfer.id,
        "url": transfer.url,
        "alternatives": json.dumps(transfer.alternatives),
        "folder": transfer.folder,
        "filename": transfer.filename,
        "sha256": transfer.sha256,
        "bytes": transfer.bytes,
        "received": transfer.received,
        "state": transfer.state,
        "verification": transfer.verification,
        **_problem_columns(transfer.problem),
        "failures": transfer.failures,
        "preset": transfer.preset,
        "seen_by_comfyui": transfer.seen_by_comfyui,
        "created_at": clock.to_text(transfer.created_at),
        "started_at": _text(transfer.started_at),
        "finished_at": _text(transfer.finished_at),
        "retry_at": _text(transfer.retry_at),
        "search": f"{transfer.destination} {transfer.host} {transfer.preset or ''}".lower(),
    }


def _problem_columns(problem: Problem | None) -> dict[str, Value]:
    return {
        "problem_code": problem.code if problem else None,
        "problem_message": problem.message if problem else None,
    }


def _from_rows(rows: Iterable[sqlite3.Row]) -> list[Transfer]:
    return [_from_row(row) for row in rows]


def _from_row(row: sqlite3.Row) -> Transfer:
    values = dict(row)
    del values["search"]
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
