"""Reads conversations, and writes events with their numbers. The statements are in `store.sql`."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from backend.conversations.models import (
    Attachment,
    Call,
    CallState,
    Conversation,
    Draft,
    Event,
    Incoming,
    State,
    Tier,
    Usage,
)
from backend.core import clock
from backend.core.database import Database, Value
from backend.core.errors import NotFound
from backend.core.queries import as_json, queries_beside

SQL = queries_beside(__file__)
MOST_EVENTS = 5000


class ConversationStore:
    """The database of conversations, which the control plane and the agents process share."""

    def __init__(self, database: Database):
        self.database = database

    async def prepare(self) -> None:
        await self.database.migrate("conversations", SQL.migrations)

    async def get(self, conversation_id: str) -> Conversation:
        row = await self.database.fetch_one(SQL.get, {"id": conversation_id})
        if row is None:
            raise NotFound("No such conversation. It may have been deleted.")
        return _conversation(row)

    async def page(self, words: Iterable[str], limit: int, offset: int = 0) -> list[Conversation]:
        """Return conversations that contain all `words` in the title or a message, the most recently used first."""
        found: dict[str, Value] = {
            "words": as_json(word.lower() for word in words),
            "limit": limit,
            "offset": offset,
        }
        return [_conversation(row) for row in await self.database.fetch_all(SQL.page, found)]

    async def unfinished(self) -> list[str]:
        """Return the ids of conversations that the agents process has to work on."""
        return [row["id"] for row in await self.database.fetch_all(SQL.unfinished)]

    async def events(self, conversation_id: str, after: int = 0, limit: int = MOST_EVENTS) -> list[Event]:
        query: dict[str, Value] = {"id": conversation_id, "after": after, "limit": limit}
        return [_event(row) for row in await self.database.fetch_all(SQL.events, query)]

    async def newest_events(self, conversation_id: str, limit: int) -> list[Event]:
        query: dict[str, Value] = {"id": conversation_id, "limit": limit}
        return [_event(row) for row in await self.database.fetch_all(SQL.newest_events, query)]

    async def incoming(self, conversation_id: str) -> list[Incoming]:
        return [
            _incoming(row) for row in await self.database.fetch_all(SQL.incoming, {"id": conversation_id})
        ]

    async def calls(self, conversation_id: str) -> list[Call]:
        return [_call(row) for row in await self.database.fetch_all(SQL.calls, {"id": conversation_id})]

    async def messages(self, conversation_id: str) -> list[str]:
        """Return the messages to and from the model."""
        rows = await self.database.fetch_all(SQL.messages, {"id": conversation_id})
        return [row["content"] for row in rows]

    async def open_calls(self, conversation_id: str) -> list[Call]:
        """Return the calls whose results were not sent to the model yet."""
        return [_call(row) for row in await self.database.fetch_all(SQL.open_calls, {"id": conversation_id})]

    async def call(self, conversation_id: str, call_id: str) -> Call:
        row = await self.database.fetch_one(SQL.call, {"id": conversation_id, "call_id": call_id})
        if row is None:
            raise NotFound("No such call in this conversation.")
        return _call(row)

    async def usage(self, conversation_id: str, turn: int | None = None) -> Usage:
        return _usage(await self.database.fetch_one(SQL.usage_of, {"id": conversation_id, "turn": turn}))

    async def usage_since(self, moment: datetime) -> Usage:
        return _usage(await self.database.fetch_one(SQL.usage_since, {"since": clock.to_text(moment)}))

    async def add_events(self, conversation_id: str, drafts: Sequence[Draft]) -> list[Event]:
        """Give events their numbers and write them. Called inside a transaction."""
        now = clock.to_text(clock.now())
        events = []
        for draft in drafts:
            row = await self.database.fetch_one(SQL.next_number, {"id": conversation_id})
            if row is None:
                raise NotFound("The conversation was deleted.")
            event = Event(
                conversation_id=conversation_id,
                number=row["last_event"],
                tier=draft.tier,
                type=draft.type,
                item=draft.item,
                data=draft.data,
                created_at=now,
            )
            await self.database.execute(
                SQL.add_event,
                {
                    "id": conversation_id,
                    "number": event.number,
                    "tier": event.tier,
                    "type": event.type,
                    "item": event.item,
                    "data": json.dumps(event.data),
                    "now": now,
                },
            )
            events.append(event)
        return events

    async def partial_text(self, conversation_id: str) -> str:
        """Return the visible part of an incomplete answer."""
        rows = await self.database.fetch_all(SQL.deltas, {"id": conversation_id})
        return "".join(json.loads(row["data"]).get("text", "") for row in rows)


def state_draft(state: State, **details: object) -> Draft:
    return Draft(tier=Tier.STATE, type="state", data={"state": state, **details})


def call_draft(call: Call) -> Draft:
    return Draft(tier=Tier.STATE, type="call", item=call.id, data=call.view())


def _conversation(row: sqlite3.Row) -> Conversation:
    return Conversation(
        id=row["id"],
        title=row["title"],
        preview=row["preview"],
        state=State(row["state"]),
        turn=row["turn"],
        last_event=row["last_event"],
        created_at=clock.from_text(row["created_at"]),
        updated_at=clock.from_text(row["updated_at"]),
        allowed=tuple(json.loads(row["allowed"])),
    )


def _event(row: sqlite3.Row) -> Event:
    return Event(
        conversation_id=row["conversation_id"],
        number=row["number"],
        tier=Tier(row["tier"]),
        type=row["type"],
        item=row["item"],
        data=json.loads(row["data"]),
        created_at=row["created_at"],
    )


def _incoming(row: sqlite3.Row) -> Incoming:
    attachments = tuple(Attachment(**entry) for entry in json.loads(row["attachments"]))
    return Incoming(number=row["number"], kind=row["kind"], text=row["text"], attachments=attachments)


def _call(row: sqlite3.Row) -> Call:
    return Call(
        id=row["id"],
        conversation_id=row["conversation_id"],
        tool=row["tool"],
        title=row["title"],
        arguments=row["arguments"],
        state=CallState(row["state"]),
        effect=row["effect"],
        cost=row["cost"],
        result=row["result"],
        decided_by=row["decided_by"],
        expires_at=row["expires_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


def _usage(row: sqlite3.Row | None) -> Usage:
    assert row is not None  # noqa: S101 - an aggregate always has a row
    return Usage(
        requests=row["requests"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost=row["cost"],
    )
