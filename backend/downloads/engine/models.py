"""What the engine fetches, how far it is, and what comes of it."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Verification(StrEnum):
    """What is known about a file's content."""

    # Its hash equals the published or requested one.
    VERIFIED = "verified"
    # Complete, but no hash was published or requested.
    UNVERIFIED = "unverified"
    # Its hash differs from the published or requested one.
    MISMATCH = "mismatch"


@dataclass(frozen=True, kw_only=True)
class FileSpec:
    """One file to fetch."""

    # Where it comes from, without secrets. May be stored.
    url: str
    # Where it goes.
    target: Path
    sha256: str | None = None
    bytes: int | None = None
    # The preset that requested it. Stored in the resume state for the caller.
    preset: str | None = None


@dataclass(frozen=True, kw_only=True)
class DownloadResult:
    """A file that is complete and has its final name."""

    bytes: int
    sha256: str
    verification: Verification


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a running download is. Lives in memory only."""

    received: int = 0
    total: int | None = None
    # Bytes that have been hashed, from the first one on.
    hashed: int = 0
    # How many are open now.
    connections: int = 0
    # Bytes per second over the last few seconds.
    speed: float = 0.0
    # Bytes per second over a longer time, from which the time left is estimated. None until that time has passed.
    average_speed: float | None = None
    # Set as soon as the file has its final name.
    result: DownloadResult | None = None
    # The expected hash, as requested or published.
    sha256: str | None = None
    # Set by every change, cleared by the reporter. Shared by all downloads.
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, count: int) -> None:
        """Count `count` more bytes as received."""
        self.received += count
        self.changed.set()

    def set_hashed(self, count: int) -> None:
        """Record that the first `count` bytes have been hashed."""
        self.hashed = count
        self.changed.set()

    @property
    def is_stalled(self) -> bool:
        return self.speed < 1

    @property
    def seconds_left(self) -> float | None:
        """Return the estimated time left; None while it cannot be estimated."""
        if self.total is None or self.is_stalled or not self.average_speed:
            return None
        return (self.total - self.received) / self.average_speed
