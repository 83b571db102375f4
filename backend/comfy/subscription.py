"""Hands events to one reader, without ever making the socket wait for it."""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Hashable, Iterable

from backend.comfy.events import (
    Connected,
    Disconnected,
    Event,
    LogWritten,
    Progress,
    ProgressSnapshot,
    QueueChanged,
)
from backend.comfy.previews import Preview

MOST_EVENTS = 1000
MOST_PROMPTS = 8


class Backlog:
    """Events in their order. Of progress and previews, only the newest remains."""

    def __init__(self) -> None:
        self._events: OrderedDict[Hashable, Event] = OrderedDict()
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: Event) -> None:
        key = self._key(event)
        self._events.pop(key, None)
        self._events[key] = event
        if len(self._events) > MOST_EVENTS:
            self._events.popitem(last=False)

    def pop(self) -> Event:
        """Remove and return the oldest one."""
        return self._events.popitem(last=False)[1]

    def all(self) -> list[Event]:
        return list(self._events.values())

    def _key(self, event: Event) -> Hashable:
        """Return what an event replaces: an earlier one of the same key."""
        match event:
            case Progress():
                return Progress, event.prompt_id, event.node_id
            case Preview() | ProgressSnapshot():
                return type(event), event.prompt_id
            case QueueChanged():
                return QueueChanged
            case _:
                return next(self._numbers)


class RecentPrompts:
    """What the latest prompts have told so far, for a reader who comes later."""

    def __init__(self) -> None:
        self._prompts: OrderedDict[str, Backlog] = OrderedDict()

    def add(self, event: Event) -> None:
        if isinstance(event, (Connected, Disconnected, QueueChanged, LogWritten)):
            return
        self._prompts.setdefault(event.prompt_id, Backlog()).add(event)
        if len(self._prompts) > MOST_PROMPTS:
            self._prompts.popitem(last=False)

    def of(self, prompt_id: str) -> list[Event]:
        backlog = self._prompts.get(prompt_id)
        return backlog.all() if backlog else []


class Subscription:
    """Events of one prompt, or all of them."""

    def __init__(self, prompt_id: str | None, *, previews: bool, earlier: Iterable[Event] = ()):
        self._prompt_id = prompt_id
        self._previews = previews
        self._waiting = Backlog()
        self._arrived = asyncio.Event()
        for event in earlier:
            self.add(event)

    def add(self, event: Event) -> None:
        if self._wants(event):
            self._waiting.add(event)
            self._arrived.set()

    async def next(self, seconds: float | None = None) -> Event | None:
        """Return the next event; None when none has come in that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return None
        event = self._waiting.pop()
        if not self._waiting:
            self._arrived.clear()
        return event

    def take_all(self) -> list[Event]:
        """Remove and return what waits."""
        events, self._waiting = self._waiting.all(), Backlog()
        self._arrived.clear()
        return events

    def _wants(self, event: Event) -> bool:
        if isinstance(event, Preview) and not self._previews:
            return False
        if self._prompt_id is None or isinstance(event, (Connected, Disconnected)):
            return True
        if isinstance(event, (QueueChanged, LogWritten)):
            return False
        return event.prompt_id == self._prompt_id
