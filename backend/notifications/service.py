"""Adds, changes, removes and tests channels, and delivers messages to them."""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from backend.activity.service import Activity
from backend.core import clock
from backend.core.errors import Conflict, InvalidRequest, NotFound
from backend.notifications.apprise_sender import AppriseSender
from backend.notifications.browsers import Browsers
from backend.notifications.errors import DeliveryError
from backend.notifications.messages import TEST
from backend.notifications.models import Channel, Delivery, Event, Kind, Message
from backend.notifications.secrecy import host_of, secrets_of
from backend.notifications.store import ChannelFile, ProgressFile
from backend.notifications.webhook_sender import WebhookSender
from backend.system.services import Services

MAX_CHANNELS = 20


class Sender(Protocol):
    async def send(self, channel: Channel, message: Message) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Senders:
    """The senders of all kinds of channels."""

    apprise: AppriseSender
    webhook: WebhookSender
    browser: Browsers

    def of(self, kind: Kind) -> Sender:
        senders: dict[Kind, Sender] = {
            Kind.APPRISE: self.apprise,
            Kind.WEBHOOK: self.webhook,
            Kind.BROWSER: self.browser,
        }
        return senders[kind]


class Notifications:
    """The channels of this pod."""

    def __init__(
        self,
        channels: ChannelFile,
        progress: ProgressFile,
        services: Services,
        activity: Activity,
        senders: Senders,
        *,
        persistent: bool,
    ):
        """`persistent`: whether channels are saved on the volume, and so survive the pod."""
        self.persistent = persistent
        self._channels, self._progress = channels, progress
        self._services, self._activity = services, activity
        self._senders = senders
        self._listeners: list[Callable[[str], None]] = []

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the id of a channel that was added, changed or removed, or works again."""
        self._listeners.append(listener)

    def channels(self) -> list[Channel]:
        return self._channels.all()

    def find(self, channel_id: str) -> Channel | None:
        return self._channels.get(channel_id)

    def get(self, channel_id: str) -> Channel:
        channel = self.find(channel_id)
        if channel is None:
            raise NotFound("There is no such channel. Settings show all channels.")
        return channel

    def last(self, channel_id: str) -> Delivery | None:
        """Return the last attempt to deliver to a channel."""
        progress = self._progress.of(channel_id)
        return progress.last if progress else None

    def notified_up_to(self, channel_id: str) -> int | None:
        """Return the number of the last entry of the activity log that the channel got."""
        progress = self._progress.of(channel_id)
        return progress.seq if progress else None

    def begin(self, channel_id: str, seq: int) -> None:
        """Notify a new channel of the entries after `seq` only."""
        self._progress.begin(channel_id, seq)

    async def add(self, name: str, kind: Kind, url: str, token: str, events: Iterable[Event]) -> Channel:
        """Save a new channel. Raise InvalidRequest when its address cannot be used."""
        if len(self._channels.all()) >= MAX_CHANNELS:
            raise Conflict(f"There are {MAX_CHANNELS} channels. Remove one first.", code="too_many_channels")
        channel = Channel(
            id=secrets.token_hex(4),
            name=name,
            kind=kind,
            events=_unique(events),
            target=await self._target(kind, url),
            url=url if kind != Kind.BROWSER else "",
            token=token if kind == Kind.WEBHOOK else "",
        )
        await self._save(channel)
        self._activity.note("channel.added", name)
        return channel

    async def change(self, channel_id: str, name: str | None, events: Iterable[Event] | None) -> Channel:
        """Change the name or the events. To change the address, add another channel."""
        channel = self.get(channel_id)
        changed = replace(
            channel,
            name=channel.name if name is None else name,
            events=channel.events if events is None else _unique(events),
        )
        await self._save(changed)
        return changed

    async def remove(self, channel_id: str) -> Channel:
        channel = self.get(channel_id)
        await asyncio.to_thread(self._channels.remove, channel_id)
        self._progress.forget(channel_id)
        self._activity.note("channel.removed", channel.name)
        self._changed(channel_id)
        return channel

    async def test(self, channel_id: str) -> Delivery:
        """Send a test message, and return the result of the delivery."""
        channel = self.get(channel_id)
        try:
            delivery = await self.deliver(channel, TEST, seq=None)
        except DeliveryError:
            delivery = self.last(channel_id) or Delivery(at=clock.now(), title=TEST.title)
        else:
            self._changed(channel_id)
        return delivery

    async def deliver(self, channel: Channel, message: Message, *, seq: int | None) -> Delivery:
        """Send a message about the log up to `seq`, and record the result. Raise DeliveryError when it fails."""
        problem = None
        try:
            await self._senders.of(channel.kind).send(channel, message)
        except DeliveryError as error:
            problem = error
        except OSError as error:
            problem = DeliveryError(f"The message could not be sent: {error.strerror}.")
        delivery = Delivery(at=clock.now(), title=message.title, problem=str(problem) if problem else None)
        if self.find(channel.id):
            done = self.notified_up_to(channel.id) or 0
            reached = done if problem or seq is None else seq
            await asyncio.to_thread(self._progress.note, channel.id, seq=reached, last=delivery)
        if problem:
            raise problem
        return delivery

    async def hide_secrets(self) -> None:
        """Mask the secrets of all channels in the logs that pages show."""
        hidden = {secret for channel in self._channels.all() for secret in secrets_of(channel)}
        if hidden:
            await self._services.hide(hidden)

    async def _save(self, channel: Channel) -> None:
        await asyncio.to_thread(self._channels.put, channel)
        await self._services.hide(secrets_of(channel))
        self._changed(channel.id)

    async def _target(self, kind: Kind, url: str) -> str:
        """Return the part of the address that may be shown."""
        if kind == Kind.BROWSER:
            return "open pages"
        if not url:
            raise InvalidRequest("This channel needs an address.", code="bad_channel")
        if kind == Kind.APPRISE:
            return await self._senders.apprise.name_of(url)
        self._senders.webhook.check(url)
        return host_of(url)

    def _changed(self, channel_id: str) -> None:
        for listener in self._listeners:
            listener(channel_id)


def _unique(events: Iterable[Event]) -> tuple[Event, ...]:
    return tuple(sorted(set(events), key=list(Event).index))
