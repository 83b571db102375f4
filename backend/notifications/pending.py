"""What a channel has still to be notified of: counts of everything, and the newest entries. Pure."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime

from backend.activity.models import Entry
from backend.notifications.models import Event
from backend.notifications.rules import URGENT

# A message names no more; of the rest it gives the number.
MAX_ENTRIES = 20


@dataclass(kw_only=True)
class Pending:
    """Grows by an entry at a time, and never by more than its counts."""

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
