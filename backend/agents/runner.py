"""Works on one turn, step by step. Every step is recorded before the next begins, so a new process can resume it."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import structlog

from backend.agents.answer_stream import answer_to
from backend.agents.calls import Calls
from backend.agents.custom_tools import CustomTools
from backend.agents.errors import ModelFailure, PodAway, PodRefuses
from backend.agents.feed import Feed
from backend.agents.instructions import as_data, instructions_for, text_of
from backend.agents.limits import exceeded
from backend.agents.pod import Pod
from backend.agents.provider import Answer, Request, expects_answer, user_message
from backend.agents.toolbox import Toolbox
from backend.conversations.agents_config import AgentsConfig
from backend.conversations.models import Conversation, Draft, Event, Tier
from backend.conversations.store import ConversationStore
from backend.conversations.turns import Turn, TurnOver

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 6
LONGEST_PAUSE = 30.0
KILLED = "The assistant's process ended several times in this turn. Write to it to try again."
BROKEN = "The assistant failed. The log of the service `agents` says why."


class Runner:
    """Runs turns, and publishes their events as they are written."""

    def __init__(self, store: ConversationStore, feed: Feed, custom: CustomTools):
        self._store = store
        self._custom = custom
        self._feed = feed

    async def run(self, conversation: Conversation, config: AgentsConfig) -> None:
        """Work on the turn until it ends or waits for the user. Raise nothing but a cancellation."""
        turn = Turn(self._store, conversation.id, conversation.turn)
        log.info("turn", conversation=conversation.id, number=conversation.turn)
        try:
            usable, events = await turn.start()
            self._feed.publish(events)
            if not usable:
                await self._end(turn, "failed", KILLED)
                return
            await self._run(turn, config)
        except TurnOver:
            log.info("the turn was stopped", conversation=conversation.id)
        except Exception:
            log.exception("the turn failed", conversation=conversation.id)
            await self._end(turn, "failed", BROKEN)

    async def _run(self, turn: Turn, config: AgentsConfig) -> None:
        minutes = config.limits.minutes
        try:
            async with asyncio.timeout(minutes * 60 if minutes else None):
                await self._steps(turn, config)
        except TimeoutError:
            await self._end(turn, "limit", f"The turn took longer than {minutes} minutes. Write to continue.")
        except ModelFailure as failure:
            await self._end(turn, "failed", failure.message)
        except (PodAway, PodRefuses) as failure:
            await self._end(turn, "failed", str(failure))

    async def _steps(self, turn: Turn, config: AgentsConfig) -> None:
        pod = Pod(config.pod_url, config.pod_key)
        toolbox = Toolbox(pod, self._custom)
        await toolbox.load()
        if not (await self._store.usage(turn.conversation_id, turn.number)).requests:
            await self._say(turn, [_notice(problem) for problem in toolbox.problems])
        status = await _status(pod, toolbox)
        calls = Calls(self._store, turn, toolbox, self._feed, config.limits)
        while True:
            await calls.run()
            if (events := await turn.wait()) is not None:
                self._feed.publish(events)
                return
            if not await self._add_request(turn):
                if await self._end(turn, "done"):
                    return
                continue
            if problem := await exceeded(self._store, turn, config.limits):
                await self._end(turn, "limit", problem)
                return
            messages = await self._store.messages(turn.conversation_id)
            request = Request(instructions=instructions_for(status), messages=messages, tools=toolbox.tools)
            await self._add_answer(turn, await self._ask(turn, config, request), calls)

    async def _add_request(self, turn: Turn) -> bool:
        """Record the next message to the model. Return False when there is nothing left to answer."""
        calls = await self._store.open_calls(turn.conversation_id)
        incoming = await self._store.incoming(turn.conversation_id)
        if not calls and not incoming:
            messages = await self._store.messages(turn.conversation_id)
            return bool(messages) and expects_answer(messages[-1])
        texts = [text_of(item) for item in incoming]
        results = [(call, as_data(call.tool, call.result)) for call in calls]
        await turn.add_request(user_message(texts, results), incoming)
        return True

    async def _ask(self, turn: Turn, config: AgentsConfig, request: Request) -> Answer:
        """Send the request until the model answers. Show each failed attempt to the user."""
        attempt = 1
        while True:
            try:
                return await answer_to(config, request, lambda drafts: self._say(turn, drafts))
            except ModelFailure as failure:
                self._feed.publish(await turn.discard_partial_text())
                if not failure.temporary or attempt == MOST_ATTEMPTS:
                    raise
                pause = failure.retry_after
                pause = min(2 ** (attempt - 2), LONGEST_PAUSE) if pause is None else min(pause, LONGEST_PAUSE)
                data = {"message": failure.message, "seconds": pause, "attempt": attempt}
                await self._say(turn, [Draft(tier=Tier.STATE, type="retrying", data=data)])
                await asyncio.sleep(pause)
                attempt += 1

    async def _add_answer(self, turn: Turn, answer: Answer, calls: Calls) -> None:
        text = answer.text + (
            "\n\n*(The answer was cut off: it is too long.)*" if answer.cut == "length" else ""
        )
        prepared = await calls.prepared(answer.calls)
        self._feed.publish(
            await turn.add_response(answer.content, text, prepared, model=answer.model, used=answer.used)
        )

    async def _say(self, turn: Turn, drafts: Sequence[Draft]) -> None:
        self._feed.publish(await turn.say(*drafts))

    async def _end(self, turn: Turn, reason: str, message: str = "") -> bool:
        """End the turn. Return False when a message of the user has arrived in the meantime."""
        events: list[Event] | None
        try:
            events = await turn.end(reason, message)
        except TurnOver:
            return True
        self._feed.publish(events or [])
        return events is not None


def _notice(text: str) -> Draft:
    return Draft(tier=Tier.STATE, type="notice", data={"message": text})


async def _status(pod: Pod, toolbox: Toolbox) -> str:
    """Return the result of `pod_status`; empty when it cannot be read."""
    if toolbox.find("pod_status") is None:
        return ""
    try:
        content: Any = json.loads(await pod.call("pod_status", {}))
    except Exception:  # noqa: BLE001 - the turn does not depend on it
        return ""
    return json.dumps(content, ensure_ascii=False)[:8000]
