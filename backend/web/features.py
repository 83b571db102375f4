"""How a feature package joins the control plane, and how routes reach its services.

A feature package has a `feature.py` with one constant, `FEATURE`. `backend.main.features` lists them; no
other module names a feature.
"""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from fastapi import APIRouter, FastAPI
from starlette.requests import HTTPConnection

from backend.config.settings import Settings
from backend.core.database import Database
from backend.core.events import EventBus
from backend.core.persistent_paths import PersistentPaths

Service = TypeVar("Service")
Background = Callable[[], Coroutine[Any, Any, None]]


class Closable(Protocol):
    """A WebSocket channel, or a group of channels."""

    def close(self) -> None: ...


class Registry:
    """One object of each class, shared by routes and features."""

    def __init__(self, *services: object):
        self._by_class: dict[type, object] = {}
        self.add(*services)

    def add(self, *services: object) -> None:
        self._by_class |= {type(service): service for service in services}

    def get(self, kind: type[Service]) -> Service:
        """Return the service of this class. Raise LookupError when no started feature provides it."""
        service = self.find(kind)
        if service is None:
            raise LookupError(
                f"no feature provides {kind.__name__}; does its feature start later than this one?"
            )
        return service

    def find(self, kind: type[Service]) -> Service | None:
        service = self._by_class.get(kind)
        return service if isinstance(service, kind) else None


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything that a feature needs to start."""

    settings: Settings
    database: Database
    events: EventBus
    paths: PersistentPaths
    # Services of the features that started earlier.
    registry: Registry
    # Closed when the control plane stops, last in, first out.
    stack: AsyncExitStack


@dataclass(frozen=True, kw_only=True)
class Running:
    """Everything that a feature has started."""

    services: tuple[object, ...] = ()
    # Closed as soon as the server begins to stop, so that browsers reconnect.
    channels: tuple[Closable, ...] = ()
    # Run until the control plane stops, then cancelled.
    background: tuple[Background, ...] = ()


async def _start_nothing(_context: Context) -> Running:
    return Running()


@dataclass(frozen=True, kw_only=True)
class Feature:
    """The parts of a feature package that `backend.main` uses."""

    name: str
    # Routes are matched in this order.
    routers: tuple[APIRouter, ...] = ()
    start: Callable[[Context], Awaitable[Running]] = field(default=_start_nothing)


class Application(FastAPI):
    """FastAPI with our registry and channels in typed attributes."""

    def __init__(self, registry: Registry, **options: Any):
        super().__init__(**options)
        self.registry = registry
        self.channels: list[Closable] = []
        # False for a worker: errors are JSON for browsers too.
        self.serves_pages = True

    def close_channels(self) -> None:
        """Close every WebSocket with "going away"; called as soon as the server begins to stop."""
        for channel in self.channels:
            channel.close()


def registry_of(connection: HTTPConnection) -> Registry:
    app: Application = connection.app
    return app.registry


def provided(kind: type[Service]) -> Callable[[HTTPConnection], Service]:
    """Return the FastAPI dependency that resolves to the service of class `kind`."""

    def find(connection: HTTPConnection) -> Service:
        return registry_of(connection).get(kind)

    return find
