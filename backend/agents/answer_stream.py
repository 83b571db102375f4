"""Writes an answer while it arrives. Deltas are collected for a moment, so that one write covers many of them."""

import asyncio
from collections.abc import Awaitable, Callable

from backend.agents.provider import Answer, Delta, Request, asked
from backend.conversations.agents_config import AgentsConfig
from backend.conversations.models import Draft, Tier
from backend.core.async_tools import cancel_and_wait

WRITE_SECONDS = 0.03

Write = Callable[[list[Draft]], Awaitable[None]]


class Buffer:
    """Deltas that are not written yet."""

    def __init__(self) -> None:
        self._deltas: list[Delta] = []
        self.changed = asyncio.Event()

    def add(self, delta: Delta) -> None:
        self._deltas.append(delta)
        self.changed.set()

    def take(self) -> list[Draft]:
        """Return the events, one for each sequence of deltas of the same message or call."""
        deltas, self._deltas = self._deltas, []
        self.changed.clear()
        drafts: list[Draft] = []
        for delta in deltas:
            draft = _draft(delta)
            if drafts and (drafts[-1].type, drafts[-1].item) == (draft.type, draft.item):
                drafts[-1].data["text" if draft.type == "text" else "arguments"] += delta.text
            else:
                drafts.append(draft)
        return drafts


async def answer_to(config: AgentsConfig, request: Request, write: Write) -> Answer:
    """Ask the model and write the deltas of its answer. Raise ModelFailure."""
    buffer = Buffer()
    reader = asyncio.create_task(_read(config, request, buffer))
    reader.add_done_callback(lambda _: buffer.changed.set())
    try:
        while not reader.done():
            await buffer.changed.wait()
            drafts = buffer.take()
            if drafts:
                await write(drafts)
            if not reader.done():
                await asyncio.sleep(WRITE_SECONDS)
        if drafts := buffer.take():
            await write(drafts)
        return reader.result()
    finally:
        await cancel_and_wait(reader)


async def _read(config: AgentsConfig, request: Request, buffer: Buffer) -> Answer:
    async with asked(config, request) as stream:
        async for delta in stream:
            buffer.add(delta)
        return stream.answer


def _draft(delta: Delta) -> Draft:
    if delta.call:
        return Draft(
            tier=Tier.STREAM,
            type="arguments",
            item=delta.call,
            data={"tool": delta.call, "arguments": delta.text},
        )
    return Draft(tier=Tier.STREAM, type="text", data={"text": delta.text})
