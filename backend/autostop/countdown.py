"""When an idle pod is stopped. Pure rules; times are passed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

WARN = timedelta(minutes=5)
# After the host has refused: it may be the host's own fault, and the pod costs money.
RETRY = timedelta(minutes=5)


@dataclass(kw_only=True)
class Countdown:
    """Counts the time without work. Any work, a change of the setting and Cancel begin it anew."""

    minutes: int = 0
    idle_since: datetime | None = None
    not_before: datetime | None = None

    def observe(self, now: datetime, *, is_busy: bool, last_active: datetime | None = None) -> None:
        """Note whether something runs. `last_active` is when a user last did something that has ended."""
        if is_busy:
            self.idle_since = self.not_before = None
            return
        self.idle_since = self.idle_since or now
        if last_active and last_active > self.idle_since:
            self.idle_since = min(last_active, now)

    def restart(self, now: datetime) -> None:
        self.idle_since, self.not_before = now, None

    def retry_later(self, now: datetime) -> None:
        self.not_before = now + RETRY

    @property
    def stops_at(self) -> datetime | None:
        if not self.minutes or self.idle_since is None:
            return None
        due = self.idle_since + timedelta(minutes=self.minutes)
        return max(due, self.not_before) if self.not_before else due

    def is_due(self, now: datetime) -> bool:
        return self.stops_at is not None and now >= self.stops_at

    def warns(self, now: datetime) -> bool:
        """Return whether pages show the time left: in the last five minutes, or half of a shorter period."""
        ahead = min(WARN, timedelta(minutes=self.minutes) / 2)
        return self.stops_at is not None and now >= self.stops_at - ahead
