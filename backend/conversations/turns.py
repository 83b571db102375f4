"""Records the work of the agents process on a turn. After the end of the turn, every method raises TurnOver."""

from collections.abc import Sequence
from dataclasses import asdict, replace

from backend.conversations.models import Call, CallState, Draft, Event, Incoming, State, Tier, Usage
from backend.conversations.store import SQL, ConversationStore, call_draft, state_draft
from backend.core import clock
from backend.core.database import Value

# A turn that crashes its process every time must not be restarted for ever.
MOST_STARTS = 3


class TurnOver(Exception):
    """The user has stopped the turn or deleted the conversation."""


class Turn:
    """One turn of one conversation. Methods that write return the events to publish."""

    def __init__(self, store: ConversationStore, conversation_id: str, number: int):
        self.conversation_id = conversation_id
        self.number = number
        self._store = store
        self._database = store.database

    async def start(self) -> tuple[bool, list[Event]]:
        """Begin or resume the turn: discard a partial answer, and mark running calls as interrupted.

        Return False when it was started too often.
        """
        async with self._database.transaction():
            await self._check()
            row = await self._database.fetch_one(SQL.count_start, {"id": self.conversation_id})
            drafts = await self._discard_partial_text()
            now = clock.to_text(clock.now())
            ended = await self._database.fetch_all(
                SQL.interrupt_calls, {"id": self.conversation_id, "now": now}
            )
            for item in ended:
                drafts.append(call_draft(await self._store.call(self.conversation_id, item["id"])))
            events = await self._store.add_events(self.conversation_id, drafts)
            return row is not None and row["starts"] <= MOST_STARTS, events

    async def say(self, *drafts: Draft) -> list[Event]:
        """Record events, such as deltas."""
        async with self._database.transaction():
            await self._check()
            return await self._store.add_events(self.conversation_id, drafts)

    async def discard_partial_text(self) -> list[Event]:
        """Discard an incomplete answer before its request is repeated."""
        async with self._database.transaction():
            await self._check()
            return await self._store.add_events(self.conversation_id, await self._discard_partial_text())

    async def add_request(self, content: str, incoming: Sequence[Incoming]) -> None:
        """Record the next message to the model: results of calls, and messages of the user."""
        async with self._database.transaction():
            await self._check()
            await self._add_message(content)
            await self._database.execute(SQL.answer_calls, {"id": self.conversation_id})
            if incoming:
                newest: dict[str, Value] = {"id": self.conversation_id, "number": incoming[-1].number}
                await self._database.execute(SQL.forget_incoming, newest)

    async def add_response(
        self, content: str, text: str, calls: Sequence[Call], *, model: str, used: Usage
    ) -> list[Event]:
        """Record an answer of the model with its calls, in place of its deltas."""
        async with self._database.transaction():
            await self._check()
            await self._add_message(content)
            await self._database.execute(SQL.forget_deltas, {"id": self.conversation_id})
            await self._database.execute(SQL.forget_starts, {"id": self.conversation_id})
            drafts = [Draft(tier=Tier.MESSAGE, type="assistant", data={"text": text})] if text else []
            for call in calls:
                await self._database.execute(SQL.add_call, self._row(call))
                drafts.append(call_draft(call))
            await self._add_usage(model, used)
            total = await self._store.usage(self.conversation_id)
            drafts.append(Draft(tier=Tier.STATE, type="usage", data=asdict(total)))
            return await self._store.add_events(self.conversation_id, drafts)

    async def claim(self, call: Call) -> list[Event] | None:
        """Begin a call. Return None when it was begun, cancelled or denied in the meantime."""
        async with self._database.transaction():
            await self._check()
            claimed = {**self._key(call), "now": clock.to_text(clock.now())}
            if not await self._database.execute(SQL.claim_call, claimed):
                return None
            return await self._store.add_events(self.conversation_id, [await self._draft(call)])

    async def end_call(self, call: Call, state: CallState, result: str) -> list[Event]:
        async with self._database.transaction():
            await self._check()
            change: dict[str, Value] = {"state": state, "result": result, "now": clock.to_text(clock.now())}
            await self._database.execute(SQL.end_call, {**self._key(call), **change})
            return await self._store.add_events(self.conversation_id, [await self._draft(call)])

    async def count_same(self, tool: str, arguments: str) -> int:
        """Return the number of calls with the same tool and arguments in this turn."""
        same: dict[str, Value] = {
            "id": self.conversation_id,
            "turn": self.number,
            "tool": tool,
            "arguments": arguments,
        }
        row = await self._database.fetch_one(SQL.same_calls, same)
        return int(row["count"]) if row else 0

    async def wait(self) -> list[Event] | None:
        """Change to waiting for decisions. Return None when all were made in the meantime."""
        async with self._database.transaction():
            await self._check()
            calls = await self._store.open_calls(self.conversation_id)
            if not any(call.state is CallState.WAITING for call in calls):
                return None
            return await self._end(State.WAITING)

    async def end(self, reason: str, message: str = "") -> list[Event] | None:
        """End the turn. Return None when a message of the user has arrived in the meantime."""
        async with self._database.transaction():
            await self._check()
            if reason == "done" and await self._store.incoming(self.conversation_id):
                return None
            data = {"reason": reason, **({"message": message} if message else {})}
            drafts = await self._discard_partial_text()
            drafts += await self._cancel_calls()
            drafts.append(Draft(tier=Tier.TURN, type="turn", data=data))
            return await self._end(State.IDLE, drafts)

    async def _cancel_calls(self) -> list[Draft]:
        """Cancel the open calls of a turn that ends early, so that none is approved after its end."""
        now = clock.to_text(clock.now())
        rows = await self._database.fetch_all(SQL.cancel_calls, {"id": self.conversation_id, "now": now})
        return [call_draft(await self._store.call(self.conversation_id, row["id"])) for row in rows]

    async def _end(self, state: State, drafts: Sequence[Draft] = ()) -> list[Event]:
        change: dict[str, Value] = {
            "id": self.conversation_id,
            "turn": self.number,
            "state": state,
            "now": clock.to_text(clock.now()),
        }
        await self._database.execute(SQL.end_turn, change)
        return await self._store.add_events(self.conversation_id, [*drafts, state_draft(state)])

    async def _check(self) -> None:
        """Raise TurnOver unless the turn still runs."""
        current: dict[str, Value] = {"id": self.conversation_id, "turn": self.number}
        if await self._database.fetch_one(SQL.is_current, current) is None:
            raise TurnOver

    async def _add_message(self, content: str) -> None:
        await self._database.execute(SQL.add_message, {"id": self.conversation_id, "content": content})

    async def _add_usage(self, model: str, used: Usage) -> None:
        await self._database.execute(
            SQL.add_usage,
            {
                "id": self.conversation_id,
                "turn": self.number,
                "model": model,
                "input_tokens": used.input_tokens,
                "output_tokens": used.output_tokens,
                "cost": used.cost,
                "now": clock.to_text(clock.now()),
            },
        )

    async def _discard_partial_text(self) -> list[Draft]:
        if not await self._store.partial_text(self.conversation_id):
            return []
        await self._database.execute(SQL.forget_deltas, {"id": self.conversation_id})
        return [Draft(tier=Tier.STREAM, type="discarded")]

    async def _draft(self, call: Call) -> Draft:
        return call_draft(await self._store.call(self.conversation_id, call.id))

    def _key(self, call: Call) -> dict[str, Value]:
        return {"id": self.conversation_id, "call_id": call.id}

    def _row(self, call: Call) -> dict[str, Value]:
        call = replace(call, conversation_id=self.conversation_id)
        return {
            **self._key(call),
            "turn": self.number,
            "tool": call.tool,
            "title": call.title,
            "arguments": call.arguments,
            "state": call.state,
            "effect": call.effect,
            "cost": call.cost,
            "result": call.result,
            "expires_at": call.expires_at,
        }
