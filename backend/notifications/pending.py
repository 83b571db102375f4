"""Undelivered entries: counts of all, and the newest ones in full. Pure."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime

from backend.activity.models import Entry
from backend.notifications.models import Event
from backend.notifications.rules import URGENT

# Entries that a message names; it only counts the others.
MAX_ENTRIES = 20


@dataclass(kw_only=True)
class Pending:
    """Keeps a limited number of entries in full, and counts all."""

    counts: Counter[Event] = field(default_factory=Counter)
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=MAX_ENTRIES))
    since: datetime | None = None
    last_seq: int = 0

    @property
    def total(self) -> int:
        return self.counts.total()

    @property
    def is_urgent(self) -> bool:
        return not URGENT.isdisjoint(self.counts)

    def add(self, event: Event, entry: Entry) -> None:
        self.counts[event] += 1
        self.entries.append(entry)
        self.since = self.since or entry.at
        self.last_seq = entry.seq
