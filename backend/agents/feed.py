"""Streams events to the control plane as soon as they are written."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable

from backend.conversations.models import Event

MOST_WAITING = 1000
KEEPALIVE_SECONDS = 5.0


class Feed:
    """Distributes events to readers. A slow reader misses events, and reads them from the database."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Queue[str]] = set()

    def publish(self, events: Iterable[Event]) -> None:
        for event in events:
            line = json.dumps({"id": event.conversation_id, **event.frame()}, separators=(",", ":")) + "\n"
            for reader in self._readers:
                if not reader.full():
                    reader.put_nowait(line)

    async def lines(self) -> AsyncIterator[str]:
        """Yield events, one per line. Empty lines are a keep-alive."""
        reader: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._readers.add(reader)
        try:
            yield "\n"
            while True:
                try:
                    yield await asyncio.wait_for(reader.get(), KEEPALIVE_SECONDS)
                except TimeoutError:
                    yield "\n"
        finally:
            self._readers.discard(reader)
