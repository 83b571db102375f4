"""What a transfer is."""

import asyncio
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlsplit


class State(StrEnum):
    """Where a transfer stands."""

    # Will be started as soon as a place is free.
    QUEUED = "queued"
    # Bytes are arriving, or the source is being asked for them.
    RUNNING = "running"
    # All bytes are here and are being checked.
    VERIFYING = "verifying"
    # Something went wrong that usually passes; tried again at `retry_at`.
    RETRYING = "retrying"
    # Stopped by a person, or by a full disk; goes on when told.
    PAUSED = "paused"
    # The file is in its folder, under its name.
    DONE = "done"
    # Given up; `error` says why. What arrived is kept for a retry.
    FAILED = "failed"
    # Stopped by a person for good; nothing of it is on disk.
    CANCELLED = "cancelled"
    # All bytes came, but they are not the promised ones. Kept aside until somebody decides.
    QUARANTINED = "quarantined"


WORKING = frozenset({State.RUNNING, State.VERIFYING})
ACTIVE = WORKING | {State.QUEUED, State.RETRYING}
UNFINISHED = ACTIVE | {State.PAUSED}


class Verification(StrEnum):
    """What is known about the bytes."""

    # The content's hash is the one that the source or the preset promised.
    VERIFIED = "verified"
    # Complete, but nobody published a hash to compare with.
    UNVERIFIED = "unverified"
    # The hash differs from the promised one.
    MISMATCH = "mismatch"


# The address of bytes of which nobody knows where they come from.
NOWHERE = ""


def new_id() -> str:
    return uuid.uuid4().hex[:16]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a transfer waits or failed."""

    # Stable word for programs.
    code: str
    # What happened and what to do.
    message: str


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """One file on its way from a URL to a model folder. A change makes a new record."""

    id: str
    # Where it comes from, without anything secret: no user, no token, no signature.
    url: str
    # Other addresses of the same content, tried in order.
    alternatives: tuple[str, ...] = ()
    # Below the models folder, such as `loras` or `loras/style`.
    folder: str
    filename: str
    # Promised by who asked, or told by the source; 64 hex digits.
    sha256: str | None = None
    # Size of the whole file, once known.
    bytes: int | None = None
    # Bytes that have arrived.
    received: int = 0
    state: State = State.QUEUED
    verification: Verification | None = None
    problem: Problem | None = None
    # How many times in a row it failed without a byte more.
    failures: int = 0
    # The preset that first asked for it.
    preset: str | None = None
    # Its place in the queue: lower goes first.
    position: float = 0.0
    # Whether ComfyUI offers the file now; None as long as nobody could ask.
    seen_by_comfyui: bool | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    retry_at: datetime | None = None

    @property
    def destination(self) -> str:
        """Path below the models folder; two unfinished transfers never share one."""
        return f"{self.folder}/{self.filename}"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def changed(self, **changes: Any) -> Self:
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class FileRequest:
    """A file that somebody asks for."""

    url: str
    folder: str
    filename: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    alternatives: tuple[str, ...] = ()
    preset: str | None = None
    # The user knows that files of this format can run code when they are loaded.
    allow_pickle: bool = False


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """Something that happened to a transfer."""

    at: datetime
    message: str


@dataclass(frozen=True, kw_only=True)
class TransferChanged:
    """News: a transfer was asked for, or its state is another one now."""

    transfer: Transfer


@dataclass(frozen=True, kw_only=True)
class QueueChanged:
    """News: transfers were put into another order, or removed from the history."""


@dataclass(frozen=True, kw_only=True)
class ProgressMade:
    """News: bytes have arrived for these transfers."""

    ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DownloadResult:
    """A file that is in its place now."""

    bytes: int
    sha256: str
    verification: Verification


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a running transfer is; lives in memory only."""

    received: int = 0
    total: int | None = None
    # Bytes per second over the last few seconds.
    speed: float = 0.0
    # Bytes that have been hashed.
    checked: int = 0
    # How many are open this very moment.
    connections: int = 0
    # Set as soon as the file has its final name.
    arrived: DownloadResult | None = None
    # The content's hash, as far as anybody has told it.
    promised: str | None = None
    # Set whenever anything here changes; whoever shows it clears it. All transfers share one.
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, count: int) -> None:
        """So many bytes have arrived."""
        self.received += count
        self.moved.set()

    def check(self, stop: int) -> None:
        """The first `stop` bytes have been hashed."""
        self.checked = stop
        self.moved.set()

    @property
    def seconds_left(self) -> float | None:
        if self.total is None or self.speed <= 0:
            return None
        return (self.total - self.received) / self.speed
