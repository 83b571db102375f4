"""Follows the activity log and notifies the channels, within the limits of `Timing`."""

import asyncio
import contextlib
from contextlib import aclosing
from datetime import datetime

import structlog

from backend.activity.models import Entry
from backend.activity.service import Activity
from backend.core import clock
from backend.notifications.errors import DeliveryError
from backend.notifications.messages import compose
from backend.notifications.models import Channel
from backend.notifications.outbox import Outbox
from backend.notifications.pending import Pending
from backend.notifications.service import Notifications
from backend.notifications.timing import Timing

log = structlog.get_logger(__name__)


class NotificationWorker:
    """One outbox for each channel."""

    def __init__(self, notifications: Notifications, activity: Activity, pod: str, timing: Timing):
        self._notifications, self._activity = notifications, activity
        self._pod, self._timing = pod, timing
        self._outboxes: dict[str, Outbox] = {}
        self._latest = 0
        self._wake = asyncio.Event()
        self._started = asyncio.Event()
        notifications.on_change(self._on_change)

    async def follow(self) -> None:
        """Read the log as it grows. Runs until cancelled. After a restart it resumes where the last message ended."""
        self._latest = (await self._activity.before(None, 1)).latest
        for channel in self._notifications.channels():
            self._outbox(channel)
        self._started.set()
        start = min((outbox.seen for outbox in self._outboxes.values()), default=self._latest)
        async with aclosing(self._activity.follow(start, 1)) as logs:
            async for part in logs:
                for entry in part.entries:
                    self._take(entry)
                self._wake.set()

    def _take(self, entry: Entry) -> None:
        not_before = clock.now() - self._timing.oldest
        for channel in self._notifications.channels():
            self._outbox(channel).take(channel, entry, not_before=not_before)
        self._latest = entry.seq

    async def send(self) -> None:
        """Send what is due. Runs until cancelled."""
        await self._started.wait()
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                now, due = clock.now(), self._due()
                for channel, moment in due.items():
                    if moment <= now:
                        self._outbox(channel).is_sending = True
                        group.create_task(self._send(channel))
                waits = [(moment - now).total_seconds() for moment in due.values() if moment > now]
                await self._sleep(min(waits, default=None))

    async def _sleep(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _due(self) -> dict[Channel, datetime]:
        due = {
            channel: self._outbox(channel).due_at(self._timing) for channel in self._notifications.channels()
        }
        return {channel: moment for channel, moment in due.items() if moment}

    async def _send(self, channel: Channel) -> None:
        outbox = self._outbox(channel)
        sent, outbox.pending = outbox.pending, Pending()
        try:
            await self._notifications.deliver(channel, compose(sent, self._pod), seq=sent.last_seq)
        except DeliveryError as error:
            outbox.failed(clock.now(), sent, error, self._timing)
        except Exception:
            log.exception("a notification could not be sent")
            outbox.failed(clock.now(), sent, DeliveryError(""), self._timing)
        else:
            outbox.succeeded(clock.now())
        finally:
            outbox.is_sending = False
            self._wake.set()

    def _outbox(self, channel: Channel) -> Outbox:
        """Return the outbox of a channel; a new channel is notified of later events only."""
        if channel.id not in self._outboxes:
            seen = self._notifications.notified_up_to(channel.id)
            seen = self._latest if seen is None else min(seen, self._latest)
            self._notifications.begin(channel.id, seen)
            self._outboxes[channel.id] = Outbox(seen=seen)
        return self._outboxes[channel.id]

    def _on_change(self, channel_id: str) -> None:
        """Reset the outbox of a channel that was added, changed or tested successfully."""
        channel = self._notifications.find(channel_id)
        if channel is None:
            self._outboxes.pop(channel_id, None)
        else:
            self._outbox(channel).retry_at = None
        self._wake.set()
