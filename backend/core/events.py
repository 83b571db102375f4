"""News that travels upwards: a lower room publishes, whoever cares subscribes."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

Event = TypeVar("Event")

log = structlog.get_logger(__name__)


class EventBus:
    """Calls every subscriber of an event's class, in the order they subscribed, on the event loop.

    A subscriber must not block and must not await; it hands over what takes longer. One that raises
    is logged and does not keep the news from the others.
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
