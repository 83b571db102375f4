"""Sends the events of a conversation to the browsers that show it: first the past ones, then every new one in order."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from backend.conversations.models import Event
from backend.conversations.store import ConversationStore

Frame = dict[str, Any]
MOST_WAITING = 500
# Past events in the first frame.
MOST_EVENTS = 2000


class Listeners:
    def __init__(self) -> None:
        self._queues: defaultdict[str, set[asyncio.Queue[Frame]]] = defaultdict(set)

    def publish(self, conversation_id: str, frame: Frame) -> None:
        for queue in self._queues.get(conversation_id, ()):
            if queue.full():  # the reader finds the gap and reads the database
                queue.get_nowait()
            queue.put_nowait(frame)

    def publish_events(self, events: Iterable[Event]) -> None:
        for event in events:
            self.publish(event.conversation_id, event.frame())

    def publish_to_all(self, frame: Frame) -> None:
        for conversation_id in list(self._queues):
            self.publish(conversation_id, frame)

    async def follow(
        self, store: ConversationStore, conversation_id: str, after: int | None, first: Frame
    ) -> AsyncGenerator[Frame, None]:
        """Yield a snapshot with the events after `after`, or the newest ones; then each event once, in order."""
        with self._listening(conversation_id) as queue:
            if after is None:
                events = await store.newest_events(conversation_id, MOST_EVENTS)
            else:
                events = await store.events(conversation_id, after)
            last = events[-1].number if events else after or 0
            yield {"type": "snapshot", **first, "events": [event.frame() for event in events]}
            while True:
                frame = await queue.get()
                number = frame.get("number")
                if number is None:
                    yield frame
                elif number == last + 1:
                    last = number
                    yield frame
                elif number > last:
                    for event in await store.events(conversation_id, last):
                        last = event.number
                        yield event.frame()

    @contextmanager
    def _listening(self, conversation_id: str) -> Iterator[asyncio.Queue[Frame]]:
        queue: asyncio.Queue[Frame] = asyncio.Queue(MOST_WAITING)
        self._queues[conversation_id].add(queue)
        try:
            yield queue
        finally:
            self._queues[conversation_id].discard(queue)
            if not self._queues[conversation_id]:
                del self._queues[conversation_id]
