"""The undelivered entries of one channel, and the state of its deliveries."""

from dataclasses import dataclass, field
from datetime import datetime

from backend.activity.models import Entry
from backend.notifications.errors import DeliveryError
from backend.notifications.models import Channel
from backend.notifications.pending import Pending
from backend.notifications.rules import event_of
from backend.notifications.timing import Timing


@dataclass(kw_only=True)
class Outbox:
    """Collects the entries for the next message of a channel."""

    # All entries up to this number were read.
    seen: int
    pending: Pending = field(default_factory=Pending)
    last_sent: datetime | None = None
    failures: int = 0
    retry_at: datetime | None = None
    is_sending: bool = False

    def take(self, channel: Channel, entry: Entry, *, not_before: datetime) -> None:
        """Add an entry once, if the channel selects it and it is not too old."""
        event = event_of(entry)
        if entry.seq > self.seen and event and event in channel.events and entry.at > not_before:
            self.pending.add(event, entry)
        self.seen = max(self.seen, entry.seq)

    def due_at(self, timing: Timing) -> datetime | None:
        if self.pending.since is None or self.is_sending:
            return None
        return timing.due_at(
            since=self.pending.since,
            urgent=self.pending.is_urgent,
            last_sent=self.last_sent,
            retry_at=self.retry_at,
        )

    def succeeded(self, now: datetime) -> None:
        self.last_sent, self.failures, self.retry_at = now, 0, None

    def failed(self, now: datetime, sent: Pending, error: DeliveryError, timing: Timing) -> None:
        """Put undelivered entries back before those that were added meanwhile, unless they are too old."""
        self.failures += 1
        self.retry_at = now + timing.retry_pause(self.failures, is_final=error.is_final)
        if sent.since and now - sent.since < timing.oldest:
            newer, self.pending = self.pending, sent
            self.pending.counts += newer.counts
            self.pending.entries.extend(newer.entries)
            self.pending.last_seq = max(sent.last_seq, newer.last_seq)
