"""Events from lower packages to higher ones: one publishes, the others subscribe."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

Event = TypeVar("Event")

log = structlog.get_logger(__name__)


class EventBus:
    """Calls every subscriber of an event's class, in the order they subscribed, on the event loop.

    A subscriber must not block and must not await; it starts a task for slow work. When one raises, the error is logged
    and the other subscribers are still called.
    """

    def __init__(self) -> None:
        self._subscribers: dict[type, list[Callable[[Any], None]]] = defaultdict(list)

    def subscribe(self, kind: type[Event], subscriber: Callable[[Event], None]) -> None:
        self._subscribers[kind].append(subscriber)

    def publish(self, event: object) -> None:
        for subscriber in self._subscribers[type(event)]:
            try:
                subscriber(event)
            except Exception:
                log.exception("event subscriber failed", event_kind=type(event).__name__)
