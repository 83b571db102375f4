"""Principals: who acts, and what they may do."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog

from backend.core import clock


class Scope(StrEnum):
    """What an API key may do. `admin` includes the others."""

    READ = "read"
    RUN = "run"
    ADMIN = "admin"


class PrincipalKind(StrEnum):
    OWNER = "owner"  # signed in with the password
    KEY = "key"
    ANONYMOUS = "anonymous"  # a request to a public route
    SYSTEM = "system"  # background work of the control plane


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who acts. Logs and activity record its `label`."""

    kind: PrincipalKind
    scopes: frozenset[Scope] = frozenset()
    # Name of the API key.
    name: str = ""
    # Id of the session or the API key.
    credential_id: str = ""
    expires_at: datetime | None = None

    @property
    def label(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else str(self.kind)

    @property
    def seconds_left(self) -> float | None:
        """Return how long the session or the key is still valid; None: without end."""
        return (self.expires_at - clock.now()).total_seconds() if self.expires_at else None

    def has(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


ANONYMOUS = Principal(kind=PrincipalKind.ANONYMOUS)
SYSTEM = Principal(kind=PrincipalKind.SYSTEM)

_current: ContextVar[Principal] = ContextVar("principal", default=SYSTEM)


def current_principal() -> Principal:
    """Return who makes the present request, or SYSTEM outside of requests."""
    return _current.get()


@contextmanager
def acting_as(principal: Principal) -> Iterator[None]:
    """Make `principal` the current one, for `current_principal` and for every log line."""
    token = _current.set(principal)
    # Stays bound: the line about the request as a whole is written after this block, by `RequestLog`.
    structlog.contextvars.bind_contextvars(principal=principal.label)
    try:
        yield
    finally:
        _current.reset(token)
