"""How often a key may call tools: a rate for bursts, a quota for a day."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from backend.core.errors import TooManyRequests

CALLS_A_MINUTE = 120
CALLS_A_DAY = 20_000
# One tool may wait for 25 seconds, and programs ask again at once.
CALLS_AT_ONCE = 10
MINUTE, DAY = 60.0, 86_400.0
MAX_KEYS = 1000


@dataclass
class _Usage:
    # Times of the calls of the last minute.
    recent: deque[float] = field(default_factory=deque)
    day_started: float = 0.0
    calls_today: int = 0
    running: int = 0


class CallLimits:
    """Counts in memory, by principal: a restart forgets them."""

    def __init__(
        self,
        *,
        a_minute: int = CALLS_A_MINUTE,
        a_day: int = CALLS_A_DAY,
        at_once: int = CALLS_AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._a_minute = a_minute
        self._a_day = a_day
        self._at_once = at_once
        self._clock = clock
        self._usage: dict[str, _Usage] = {}

    def start(self, caller: str) -> None:
        """Count a call that begins. Raise TooManyRequests when it is one too many; it is not counted then."""
        usage, now = self._usage_of(caller), self._clock()
        while usage.recent and usage.recent[0] <= now - MINUTE:
            usage.recent.popleft()
        if now - usage.day_started >= DAY:
            usage.day_started, usage.calls_today = now, 0
        if usage.running >= self._at_once:
            raise _too_many(f"{usage.running} calls are running, the most at once", 1.0)
        if len(usage.recent) >= self._a_minute:
            raise _too_many(f"{self._a_minute} calls were made in a minute", usage.recent[0] + MINUTE - now)
        if usage.calls_today >= self._a_day:
            raise _too_many(f"{self._a_day} calls were made today", usage.day_started + DAY - now)
        usage.recent.append(now)
        usage.calls_today += 1
        usage.running += 1

    def end(self, caller: str) -> None:
        """Note that a call has ended."""
        self._usage_of(caller).running -= 1

    def _usage_of(self, caller: str) -> _Usage:
        if caller not in self._usage and len(self._usage) >= MAX_KEYS:
            self._usage = {key: usage for key, usage in self._usage.items() if usage.running}
        return self._usage.setdefault(caller, _Usage(day_started=self._clock()))


def _too_many(what: str, seconds: float) -> TooManyRequests:
    wait = max(1, round(seconds + 0.5))
    return TooManyRequests(f"{what.capitalize()}. Wait {wait} seconds, then try again.", retry_after=wait)
