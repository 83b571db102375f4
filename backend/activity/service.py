"""Records activity and replays it to everyone who follows it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import timedelta

from backend.activity.models import Detail, Entry, Log
from backend.activity.store import END, ActivityStore
from backend.auth.principal import current_principal
from backend.core import clock
from backend.core.async_tools import run_to_completion
from backend.core.database import until_recorded
from backend.core.errors import CannotRecord

# Older entries are deleted, but for the newest: a clock that jumps ahead must not empty the log.
MAX_AGE = timedelta(days=90)
MAX_ENTRIES = 20_000
MIN_ENTRIES = 1000
PRUNE_SECONDS = 3600.0
MAX_WAITING = 5000
LONGEST_TEXT = 300
BATCH = 500


class Activity:
    """The log. Writing wakes those who follow it; what they get is always read from the log itself."""

    def __init__(self, store: ActivityStore):
        self._store = store
        # Noted and not written yet.
        self._waiting: list[Entry] = []
        self._noted = asyncio.Event()
        self._writing = asyncio.Lock()
        self._followers: set[asyncio.Event] = set()

    def note(self, kind: str, subject: str, **details: Detail) -> None:
        """Record what has happened; written in a moment, together with what else happens now."""
        if len(self._waiting) < MAX_WAITING:  # a full disk must not fill the memory as well
            self._waiting.append(_entry(kind, subject, details))
            self._noted.set()

    async def record(self, kind: str, subject: str, **details: Detail) -> None:
        """Record now, in the caller's transaction if there is one. Raise CannotRecord when the disk refuses it."""
        await self._store.add([_entry(kind, subject, details)])
        self._wake()

    async def after(self, seq: int, limit: int, kind: str = "") -> Log:
        """Return the entries that follow `seq`, or all when the log was started anew since."""
        oldest, latest = await self._store.ends()
        was_reset = seq > latest
        entries = await self._store.after(0 if was_reset else seq, limit, kind)
        return Log(entries=entries, latest=latest, complete=not was_reset and seq >= oldest - 1)

    async def before(self, seq: int | None, limit: int, kind: str = "") -> Log:
        """Return the entries that precede `seq`; the newest ones for None."""
        _, latest = await self._store.ends()
        entries = await self._store.before(END if seq is None else seq, limit, kind)
        return Log(entries=entries, latest=latest, complete=True)

    async def follow(self, seq: int | None, limit: int) -> AsyncGenerator[Log, None]:
        """Yield what follows `seq` (the newest `limit` entries for None), then what is recorded from now on."""
        changed = asyncio.Event()
        self._followers.add(changed)
        try:
            log = await (self.before(None, limit) if seq is None else self.after(seq, limit))
            yield log
            seq = _last(log, 0 if seq is None else seq)
            while True:
                changed.clear()
                while (log := await self.after(seq, BATCH)).entries:
                    seq = _last(log, seq)
                    yield log
                await changed.wait()
        finally:
            self._followers.discard(changed)

    async def write(self) -> None:
        """Write what was noted. Runs until cancelled."""
        while True:
            await self._noted.wait()
            # Interrupted between writing and forgetting, entries would be written twice.
            await until_recorded(lambda: run_to_completion(self._flush()))

    async def prune(self) -> None:
        """Delete old entries, now and every hour. Runs until cancelled."""
        while True:
            with contextlib.suppress(CannotRecord):
                await self._store.prune(MAX_ENTRIES, MIN_ENTRIES, clock.now() - MAX_AGE)
            await asyncio.sleep(PRUNE_SECONDS)

    async def _flush(self) -> None:
        async with self._writing:
            self._noted.clear()
            entries = self._waiting.copy()
            await self._store.add(entries)
            del self._waiting[: len(entries)]
        self._wake()

    async def close(self) -> None:
        """Write the rest, if the disk takes it."""
        with contextlib.suppress(CannotRecord):
            await self._flush()

    def _wake(self) -> None:
        for follower in self._followers:
            follower.set()


def _entry(kind: str, subject: str, details: dict[str, Detail]) -> Entry:
    return Entry(
        seq=0,
        at=clock.now(),
        kind=kind,
        principal=current_principal().label,
        subject=subject[:LONGEST_TEXT],
        details={key: _short(value) for key, value in details.items()},
    )


def _short(value: Detail) -> Detail:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def _last(log: Log, seq: int) -> int:
    """Return where to go on: after a reset numbers are smaller than before."""
    if log.entries:
        return log.entries[-1].seq
    return min(seq, log.latest)
