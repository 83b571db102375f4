"""When the next message to a channel is due. Pure rules; times are passed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Limits how often a channel gets messages. Events in between are sent together."""

    # From the first event to the message, so that related events are sent together.
    gather: timedelta = timedelta(seconds=10)
    # Between two messages.
    between: timedelta = timedelta(seconds=60)
    # Delays after failed attempts; the last one is repeated.
    retries: tuple[timedelta, ...] = tuple(timedelta(seconds=each) for each in (15, 60, 300, 900, 3600))
    # Older events are not sent.
    oldest: timedelta = timedelta(hours=24)

    def due_at(
        self,
        *,
        since: datetime,
        urgent: bool,
        last_sent: datetime | None,
        retry_at: datetime | None,
    ) -> datetime:
        due = since if urgent else since + self.gather
        earliest = [due, *(moment for moment in (retry_at,) if moment)]
        if last_sent:
            earliest.append(last_sent + self.between)
        return max(earliest)

    def retry_pause(self, failures: int, *, is_final: bool) -> timedelta:
        return self.retries[-1] if is_final else self.retries[min(failures, len(self.retries)) - 1]
