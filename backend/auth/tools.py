"""Tools: what assistants and IDEs may call. Functions with type hints, which know nothing of the protocol.

A feature lists its tools in `tools.py`. The docstring of a function is what the model reads, its type hints are the schema.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

from backend.auth.principal import Scope

Progress: TypeAlias = Callable[[float, float, str], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture in the list that a tool returns; the other items are texts."""

    media_type: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One tool. The flags are hints for the client, which may ask its user before it calls the tool."""

    run: Callable[..., Awaitable[Any]]
    title: str
    scope: Scope = Scope.READ
    # It changes nothing, although it needs more than the scope `read`.
    reads: bool = False
    # It may overwrite or delete something.
    destructive: bool = False
    # Calling it twice with the same arguments changes nothing more.
    idempotent: bool = False
    # It reaches hosts on the internet.
    open_world: bool = False
    # It returns pictures and texts instead of data.
    pictures: bool = False

    @property
    def name(self) -> str:
        return self.run.__name__

    @property
    def read_only(self) -> bool:
        return self.reads or self.scope is Scope.READ


_progress: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def progress_to(report: Progress) -> Iterator[None]:
    """Send what a tool reports to its client for the duration of the block."""
    token = _progress.set(report)
    try:
        yield
    finally:
        _progress.reset(token)


async def report_progress(done: float, total: float, message: str) -> None:
    """Say how far the present call is; nothing happens where the client does not listen."""
    report = _progress.get()
    if report is not None:
        await report(done, total, message)
