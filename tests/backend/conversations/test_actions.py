"""What the user does is recorded at once, and each decision is made once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backend.conversations.actions import Actions
from backend.conversations.models import Call, CallState, Draft, State, Tier, Usage
from backend.conversations.store import ConversationStore
from backend.conversations.turns import MOST_STARTS, Turn, TurnOver
from backend.core import clock
from backend.core.database import open_database
from backend.core.errors import Conflict

WAITING = Call(
    id="call-1",
    conversation_id="",
    tool="jobs_cancel",
    title="Cancel jobs",
    arguments="{}",
    state=CallState.WAITING,
    expires_at=clock.to_text(clock.now() + timedelta(hours=1)),
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ConversationStore]:
    async with open_database(tmp_path / "conversations.db") as database:
        store = ConversationStore(database)
        await store.prepare()
        yield store


async def begin(store: ConversationStore, *calls: Call) -> Turn:
    """Return a turn in which the model has made `calls`."""
    conversation = await Actions(store).create()
    await Actions(store).send(conversation.id, "hello")
    turn = Turn(store, conversation.id, 1)
    await turn.start()
    await turn.add_request('{"kind":"request"}', await store.incoming(conversation.id))
    await turn.add_response(
        '{"kind":"response"}', "", calls, model="m", used=Usage(requests=1, input_tokens=5)
    )
    return turn


async def decide(store: ConversationStore, turn: Turn, *, approve: bool = True, always: bool = False) -> None:
    await Actions(store).decide(turn.conversation_id, WAITING.id, approve=approve, always=always, by="owner")


async def test_of_two_decisions_at_once_one_counts(store: ConversationStore) -> None:
    turn = await begin(store, WAITING)
    await turn.wait()
    outcomes = await asyncio.gather(
        decide(store, turn), decide(store, turn, approve=False), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes].count(Conflict) == 1
    assert (await store.get(turn.conversation_id)).state is State.RUNNING


async def test_a_call_begins_once(store: ConversationStore) -> None:
    turn = await begin(store, WAITING)
    assert await turn.claim(WAITING) is None  # not approved yet
    await turn.wait()
    await decide(store, turn)
    claims = await asyncio.gather(turn.claim(WAITING), turn.claim(WAITING))
    assert sorted(claim is None for claim in claims) == [False, True]


async def test_an_approval_expires_and_the_conversation_continues(store: ConversationStore) -> None:
    past = clock.to_text(clock.now() - timedelta(seconds=1))
    turn = await begin(store, replace(WAITING, expires_at=past))
    await turn.wait()
    with pytest.raises(Conflict, match="time for this decision is over"):
        await decide(store, turn)
    await Actions(store).expire()
    assert (await store.call(turn.conversation_id, WAITING.id)).state is CallState.EXPIRED
    assert (await store.get(turn.conversation_id)).state is State.RUNNING


async def test_a_call_whose_process_was_killed_is_interrupted_and_not_repeated(
    store: ConversationStore,
) -> None:
    turn = await begin(store, replace(WAITING, state=CallState.READY))
    assert await turn.claim(WAITING)
    await turn.say(Draft(tier=Tier.STREAM, type="text", data={"text": "half an ans"}))
    usable, events = await Turn(store, turn.conversation_id, turn.number).start()
    assert usable
    assert [event.type for event in events] == ["discarded", "call"]
    assert (await store.call(turn.conversation_id, WAITING.id)).state is CallState.INTERRUPTED
    assert await turn.claim(WAITING) is None


async def test_a_turn_that_ends_its_process_every_time_is_given_up(store: ConversationStore) -> None:
    conversation = await Actions(store).create()
    await Actions(store).send(conversation.id, "hello")
    starts = [(await Turn(store, conversation.id, 1).start())[0] for _ in range(MOST_STARTS + 1)]
    assert starts == [True] * MOST_STARTS + [False]


async def test_after_a_stop_nothing_of_the_turn_is_recorded(store: ConversationStore) -> None:
    turn = await begin(store, WAITING)
    await turn.say(Draft(tier=Tier.STREAM, type="text", data={"text": "half an ans"}))
    events = await Actions(store).stop(turn.conversation_id)
    assert [event.type for event in events] == ["assistant", "call", "turn", "state"]
    assert events[0].data == {"text": "half an ans", "stopped": True}
    with pytest.raises(TurnOver):
        await turn.say(Draft(tier=Tier.STREAM, type="text", data={"text": "more"}))
    with pytest.raises(Conflict, match="cancelled"):
        await decide(store, turn)


async def test_a_message_while_the_assistant_works_keeps_the_turn_open(store: ConversationStore) -> None:
    turn = await begin(store)
    await Actions(store).send(turn.conversation_id, "and one more thing")
    assert await turn.end("done") is None
    assert [item.text for item in await store.incoming(turn.conversation_id)] == ["and one more thing"]


async def test_deltas_are_replaced_by_the_message(store: ConversationStore) -> None:
    turn = await begin(store)
    for text in ("Hel", "lo"):
        await turn.say(Draft(tier=Tier.STREAM, type="text", data={"text": text}))
    assert await store.partial_text(turn.conversation_id) == "Hello"
    await turn.add_response('{"kind":"response"}', "Hello", [], model="m", used=Usage(requests=1))
    events = await store.events(turn.conversation_id)
    assert [event.type for event in events if event.tier is Tier.STREAM] == []
    assert events[-2].data == {"text": "Hello"}


async def test_a_search_finds_words_in_messages(store: ConversationStore) -> None:
    turn = await begin(store)
    await turn.add_response('{"kind":"response"}', "A striped zebra", [], model="m", used=Usage())
    found = await store.page(["STRIPED", "hello"], 10)
    assert [conversation.id for conversation in found] == [turn.conversation_id]
    assert await store.page(["lion"], 10) == []
