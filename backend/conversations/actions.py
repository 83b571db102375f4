"""The actions of the user: write, decide, stop. Each is one transaction, and needs no agents process."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict

from backend.conversations.models import (
    MOST_PREVIEW,
    MOST_TITLE,
    Attachment,
    Call,
    CallState,
    Conversation,
    Draft,
    Event,
    State,
    Tier,
)
from backend.conversations.store import SQL, ConversationStore, call_draft, state_draft
from backend.core import clock
from backend.core.errors import Conflict

DENIED_BY_MESSAGE = "The user did not approve this call and wrote something instead."
DENIED = "The user denied this call."


class Actions:
    """Every method returns the events that it wrote."""

    def __init__(self, store: ConversationStore):
        self._store = store
        self._database = store.database

    async def create(self, title: str = "") -> Conversation:
        conversation_id = secrets.token_hex(8)
        now = clock.to_text(clock.now())
        await self._database.execute(
            SQL.create, {"id": conversation_id, "title": title[:MOST_TITLE], "now": now}
        )
        return await self._store.get(conversation_id)

    async def rename(self, conversation_id: str, title: str) -> Conversation:
        await self._database.execute(SQL.rename, {"id": conversation_id, "title": title[:MOST_TITLE]})
        return await self._store.get(conversation_id)

    async def delete(self, conversation_id: str) -> None:
        await self._database.execute(SQL.delete, {"id": conversation_id})

    async def send(
        self, conversation_id: str, text: str, attachments: Sequence[Attachment] = ()
    ) -> list[Event]:
        """Record a message of the user. The assistant reads a message that arrives while it works before its next step."""
        details = [asdict(attachment) for attachment in attachments]
        async with self._database.transaction():
            conversation = await self._store.get(conversation_id)
            drafts = await self._deny_waiting(conversation)
            await self._database.execute(
                SQL.add_incoming,
                {"id": conversation_id, "kind": "user", "text": text, "attachments": json.dumps(details)},
            )
            drafts.append(Draft(tier=Tier.MESSAGE, type="user", data={"text": text, "attachments": details}))
            if conversation.state is State.IDLE:
                await self._begin_turn(conversation_id, text)
                drafts.append(state_draft(State.RUNNING))
            elif conversation.state is State.WAITING:
                await self._database.execute(SQL.resume, {"id": conversation_id})
                drafts.append(state_draft(State.RUNNING))
            return await self._store.add_events(conversation_id, drafts)

    async def decide(
        self, conversation_id: str, call_id: str, *, approve: bool, always: bool, by: str, reason: str = ""
    ) -> list[Event]:
        """Record the decision about a call. Raise Conflict when the call is already decided or has expired."""
        state = CallState.APPROVED if approve else CallState.DENIED
        async with self._database.transaction():
            changed = await self._database.execute(
                SQL.decide,
                {
                    "id": conversation_id,
                    "call_id": call_id,
                    "state": state,
                    "decided_by": by,
                    "result": "" if approve else reason or DENIED,
                    "now": clock.to_text(clock.now()),
                },
            )
            call = await self._store.call(conversation_id, call_id)
            if not changed:
                raise Conflict(_undecidable(call), code="already_decided", state=call.state)
            if approve and always:
                await self._allow(conversation_id, call.tool)
            drafts = [call_draft(call), *await self._resume(conversation_id)]
            return await self._store.add_events(conversation_id, drafts)

    async def stop(self, conversation_id: str, reason: str = "stopped", message: str = "") -> list[Event]:
        """End the turn at once. The visible part of the answer stays; calls that have not begun are cancelled."""
        async with self._database.transaction():
            now = clock.to_text(clock.now())
            if not await self._database.execute(SQL.stop, {"id": conversation_id, "now": now}):
                await self._store.get(conversation_id)
                return []
            drafts = await self._end_partial_text(conversation_id)
            cancelled = await self._database.fetch_all(SQL.cancel_calls, {"id": conversation_id, "now": now})
            for row in cancelled:
                drafts.append(call_draft(await self._store.call(conversation_id, row["id"])))
            drafts.append(Draft(tier=Tier.TURN, type="turn", data={"reason": reason, "message": message}))
            drafts.append(state_draft(State.IDLE))
            return await self._store.add_events(conversation_id, drafts)

    async def expire(self) -> list[Event]:
        """Expire calls that were not decided in time. Their conversations continue without them."""
        now = clock.to_text(clock.now())
        events: list[Event] = []
        for row in await self._database.fetch_all(SQL.expired, {"now": now}):
            conversation_id, call_id = row["conversation_id"], row["id"]
            async with self._database.transaction():
                change = {"id": conversation_id, "call_id": call_id, "now": now}
                if not await self._database.execute(SQL.expire, change):
                    continue
                call = await self._store.call(conversation_id, call_id)
                drafts = [call_draft(call), *await self._resume(conversation_id)]
                events += await self._store.add_events(conversation_id, drafts)
        return events

    async def _begin_turn(self, conversation_id: str, text: str) -> None:
        line = " ".join(text.split())
        begun = {
            "id": conversation_id,
            "now": clock.to_text(clock.now()),
            "preview": _shortened(line, MOST_PREVIEW),
            "title": _shortened(line, MOST_TITLE),
        }
        await self._database.execute(SQL.begin_turn, begun)

    async def _resume(self, conversation_id: str) -> list[Draft]:
        resumed = await self._database.execute(SQL.resume, {"id": conversation_id})
        return [state_draft(State.RUNNING)] if resumed else []

    async def _allow(self, conversation_id: str, tool: str) -> None:
        allowed = {*(await self._store.get(conversation_id)).allowed, tool}
        await self._database.execute(
            SQL.allow, {"id": conversation_id, "allowed": json.dumps(sorted(allowed))}
        )

    async def _deny_waiting(self, conversation: Conversation) -> list[Draft]:
        drafts = []
        for call in await self._store.open_calls(conversation.id):
            if call.state is CallState.WAITING:
                change = {
                    "id": conversation.id,
                    "call_id": call.id,
                    "state": CallState.DENIED,
                    "decided_by": "",
                    "result": DENIED_BY_MESSAGE,
                    "now": clock.to_text(clock.now()),
                }
                if not await self._database.execute(SQL.decide, change):
                    await self._database.execute(SQL.expire, change)
                drafts.append(call_draft(await self._store.call(conversation.id, call.id)))
        return drafts

    async def _end_partial_text(self, conversation_id: str) -> list[Draft]:
        text = await self._store.partial_text(conversation_id)
        await self._database.execute(SQL.forget_deltas, {"id": conversation_id})
        if not text:
            return []
        await self._database.execute(
            SQL.add_incoming, {"id": conversation_id, "kind": "stopped", "text": text, "attachments": "[]"}
        )
        return [Draft(tier=Tier.MESSAGE, type="assistant", data={"text": text, "stopped": True})]


def _undecidable(call: Call) -> str:
    if call.state is CallState.WAITING:
        return "The time for this decision is over. Ask the assistant to try again."
    return f"This call is {call.state} and cannot be decided again."


def _shortened(line: str, most: int) -> str:
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
