"""Decides when a service that has exited is started again, and when it no longer is."""

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

# Seconds before each restart in a row; after the last one the service stays down.
DELAYS = (1.0, 5.0, 15.0, 30.0)
# A service that has listened for this long works: a later exit is a new problem.
STABLE_SECONDS = 60.0
MAX_EXITS = len(DELAYS) + 1
OUTPUT_BYTES = 16 * 1024


@dataclass(frozen=True, kw_only=True)
class Exit:
    """An exit that nothing requested."""

    # Seconds since the epoch.
    at: float
    # Negative is the number of a signal, as in `subprocess`.
    code: int
    # How long it ran.
    seconds: float
    # Whether it ever listened.
    was_ready: bool


@dataclass(kw_only=True)
class Restarts:
    """Restarts of one service: sooner after the first exit, later after each further one, not after the last."""

    exits: deque[Exit] = field(default_factory=lambda: deque(maxlen=MAX_EXITS))
    started_at: float | None = None
    ready_at: float | None = None
    # None while it runs, was stopped, or stays down.
    restart_at: float | None = None
    # The end of what the service has written in its newest run.
    _output: bytearray = field(default_factory=bytearray)
    # What it had written when it exited last.
    _last_output: str = ""

    @property
    def stays_down(self) -> bool:
        return len(self.exits) == MAX_EXITS and self.started_at is None

    def start(self, now: float, *, automatic: bool) -> None:
        """Note a start. One that a user requests allows a new series of restarts."""
        if not automatic:
            self.exits.clear()
        self.started_at, self.ready_at, self.restart_at = now, None, None
        self._output.clear()

    def write(self, output: bytes) -> None:
        self._output += output
        del self._output[:-OUTPUT_BYTES]

    def become_ready(self, now: float) -> None:
        self.ready_at = now

    def exit(self, now: float, code: int, *, requested: bool = False) -> None:
        """Note that the service ended by itself. `requested` means that it wants to be started again at once."""
        started, ready = now if self.started_at is None else self.started_at, self.ready_at
        self.started_at = self.ready_at = None
        self._last_output = self._output.decode(errors="replace")
        if ready is not None and now - ready >= STABLE_SECONDS:
            self.exits.clear()
        if requested:
            self.restart_at = now
            return
        self.exits.append(
            Exit(at=now, code=code, seconds=round(now - started, 1), was_ready=ready is not None)
        )
        failures = len(self.exits)
        self.restart_at = now + DELAYS[failures - 1] if failures <= len(DELAYS) else None

    def stop(self) -> None:
        """Note that a user has stopped it: nothing is to be started, and earlier exits do not count."""
        self.exits.clear()
        self.started_at = self.ready_at = self.restart_at = None

    def is_due(self, now: float) -> bool:
        return self.restart_at is not None and now >= self.restart_at

    def as_json(self) -> dict[str, Any]:
        return {
            "started_at": self.started_at,
            "ready": self.ready_at is not None,
            "restart_at": self.restart_at,
            "stays_down": self.stays_down,
            "exits": [asdict(entry) for entry in self.exits],
            "output": self._last_output if self.exits else "",
        }


def now() -> float:
    return time.time()
