"""What a transfer is."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlsplit

from backend.downloads.engine.models import Verification


class State(StrEnum):
    """Where a transfer stands."""

    # Starts as soon as fewer files than allowed are downloading.
    QUEUED = "queued"
    # Bytes are being received, or the source is being asked for them.
    RUNNING = "running"
    # All bytes are on disk and are being verified.
    VERIFYING = "verifying"
    # Failed in a way that usually passes; starts again at `retry_at`.
    RETRYING = "retrying"
    # Stopped by a user or by a full disk, until a user resumes it.
    PAUSED = "paused"
    # The file is in its folder, under its final name.
    DONE = "done"
    # Given up; `problem` says why. Received bytes are kept for a retry.
    FAILED = "failed"
    # Stopped by a user for good; what it has received is deleted, at once or when it is too late to undo.
    CANCELLED = "cancelled"
    # Complete, but not the expected content. Kept apart until a user decides.
    QUARANTINED = "quarantined"


WORKING = frozenset({State.RUNNING, State.VERIFYING})
ACTIVE = WORKING | {State.QUEUED, State.RETRYING}
UNFINISHED = ACTIVE | {State.PAUSED}
FINISHED = frozenset(State) - UNFINISHED

# The URL of bytes whose source is unknown.
UNKNOWN_URL = ""


def new_id() -> str:
    return uuid.uuid4().hex[:16]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a transfer does not continue."""

    # A stable word for programs.
    code: str
    # What happened and what to do.
    message: str


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """One file that is downloaded from a URL into a model folder. Every change makes a new record."""

    id: str
    # Where it comes from, without secrets: no user, no token, no signature.
    url: str
    # Other URLs of the same content, tried in order.
    alternatives: tuple[str, ...] = ()
    # Below the models folder, such as `loras` or `loras/style`.
    folder: str
    filename: str
    # As requested, or as published by the source; 64 hex digits.
    sha256: str | None = None
    # Size of the whole file, once known.
    bytes: int | None = None
    received: int = 0
    state: State = State.QUEUED
    verification: Verification | None = None
    problem: Problem | None = None
    # How many times in a row it failed without receiving a byte.
    failures: int = 0
    # The preset that requested it first.
    preset: str | None = None
    # Its position in the queue: lower ones start first.
    position: float = 0.0
    # Whether ComfyUI lists the file; None until ComfyUI could be asked.
    seen_by_comfyui: bool | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    retry_at: datetime | None = None

    @property
    def destination(self) -> str:
        """Path below the models folder. Two unfinished transfers never share one."""
        return f"{self.folder}/{self.filename}"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def changed(self, **changes: Any) -> Self:
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class FileRequest:
    """A request to download one file."""

    url: str
    folder: str
    filename: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    alternatives: tuple[str, ...] = ()
    preset: str | None = None
    # The user has confirmed that files of this format can run code when they are loaded.
    allow_pickle: bool = False


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """Something that happened to a transfer."""

    at: datetime
    message: str


@dataclass(frozen=True, kw_only=True)
class TransferChanged:
    """Event: a transfer was added or changed."""

    transfer: Transfer


@dataclass(frozen=True, kw_only=True)
class TransfersChanged:
    """Event: several transfers were changed at once."""

    transfers: tuple[Transfer, ...]


@dataclass(frozen=True, kw_only=True)
class QueueChanged:
    """Event: the order of the queue changed, or transfers were removed from the history."""


@dataclass(frozen=True, kw_only=True)
class ProgressMade:
    """Event: running transfers have received bytes."""

    ids: tuple[str, ...]
