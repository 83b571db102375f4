"""Calls of tools: decides whether they need approval, and runs each at most once."""

import json
from collections.abc import Sequence
from typing import Any

import structlog

from backend.agents.effects import effect_of
from backend.agents.errors import PodAway, PodRefuses, ToolFailure
from backend.agents.feed import Feed
from backend.agents.provider import RequestedCall
from backend.agents.toolbox import Toolbox
from backend.agents.tools import ToolInfo
from backend.conversations.agents_config import Limits
from backend.conversations.models import APPROVAL_LIFETIME, Call, CallState
from backend.conversations.store import ConversationStore
from backend.conversations.turns import Turn
from backend.core import clock

log = structlog.get_logger(__name__)

# Tools that create something, cost nothing and change nothing else: they need no approval.
FREE = frozenset({"workflows_open"})
UNKNOWN = "The outcome is unknown: it may have had its effect. Check the current state before you repeat it."


class Calls:
    """The calls of one turn."""

    def __init__(
        self,
        store: ConversationStore,
        turn: Turn,
        toolbox: Toolbox,
        feed: Feed,
        limits: Limits,
    ):
        self._store = store
        self._turn = turn
        self._toolbox = toolbox
        self._feed = feed
        self._limits = limits

    async def prepared(self, requested: Sequence[RequestedCall]) -> list[Call]:
        """Return the calls with their initial states: ready, waiting for approval, or failed."""
        allowed = (await self._store.get(self._turn.conversation_id)).allowed
        return [await self._prepare(call, allowed) for call in requested]

    async def run(self) -> None:
        """Run the calls that may run, in order."""
        for call in await self._store.open_calls(self._turn.conversation_id):
            if call.state not in (CallState.READY, CallState.APPROVED):
                continue
            events = await self._turn.claim(call)
            if events is None:
                continue
            self._feed.publish(events)
            state, result = await self._run(call)
            self._feed.publish(await self._turn.end_call(call, state, result))

    async def _prepare(self, requested: RequestedCall, allowed: Sequence[str]) -> Call:
        tool = self._toolbox.find(requested.tool)
        if tool is None:
            return self._call(requested, CallState.FAILED, f"There is no tool `{requested.tool}`.")
        try:
            arguments = _read(requested.arguments)
        except ValueError as error:
            return self._call(
                requested, CallState.FAILED, f"The arguments are no JSON object: {error}.", tool
            )
        most = self._limits.identical_calls
        if most and await self._turn.count_same(tool.name, requested.arguments) >= most:
            text = (
                f"This call was made {most} times with these arguments. Do something else, or ask the user."
            )
            return self._call(requested, CallState.FAILED, text, tool)
        if tool.reads or tool.name in FREE or tool.name in allowed:
            return self._call(requested, CallState.READY, "", tool)
        return self._waiting(requested, tool, arguments)

    def _waiting(self, requested: RequestedCall, tool: ToolInfo, arguments: dict[str, Any]) -> Call:
        effect = effect_of(tool, arguments)
        return Call(
            id=requested.id,
            conversation_id=self._turn.conversation_id,
            tool=tool.name,
            title=tool.title,
            arguments=requested.arguments,
            state=CallState.WAITING,
            effect=effect.text,
            cost=effect.cost,
            expires_at=clock.to_text(clock.now() + APPROVAL_LIFETIME),
        )

    def _call(
        self, requested: RequestedCall, state: CallState, result: str, tool: ToolInfo | None = None
    ) -> Call:
        return Call(
            id=requested.id,
            conversation_id=self._turn.conversation_id,
            tool=requested.tool,
            title=tool.title if tool else requested.tool,
            arguments=requested.arguments,
            state=state,
            result=result,
        )

    async def _run(self, call: Call) -> tuple[CallState, str]:
        log.info("call", tool=call.tool, conversation=call.conversation_id)
        try:
            return CallState.SUCCEEDED, await self._toolbox.call(call.tool, _read(call.arguments))
        except ToolFailure as failure:
            return CallState.FAILED, str(failure)
        except PodRefuses as failure:
            return CallState.FAILED, str(failure)
        except PodAway as failure:
            return CallState.INTERRUPTED, f"{failure} {UNKNOWN}"
        except Exception as failure:
            log.exception("a call failed", tool=call.tool)
            return CallState.INTERRUPTED, f"{type(failure).__name__}. {UNKNOWN}"


def _read(arguments: str) -> dict[str, Any]:
    content = json.loads(arguments or "{}")
    if not isinstance(content, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - as json reports what is wrong
    return content
