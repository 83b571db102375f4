"""Channels of notifications."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from backend.client.connection import Connection, part
from backend.client.models import Model

PATH = "/api/notifications/channels"


class Delivery(Model):
    at: datetime
    title: str
    problem: str | None


class Channel(Model):
    id: str
    name: str
    kind: str
    target: str
    events: list[str]
    last: Delivery | None


class NotificationsClient:
    """`/api/notifications/channels`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def channels(self) -> list[Channel]:
        return await self._connection.get(PATH, list[Channel])

    async def add(self, name: str, kind: str, url: str, token: str, events: Sequence[str] | None) -> Channel:
        """Add a channel. None for `events`: those that the control plane selects."""
        body: dict[str, Any] = {"name": name, "kind": kind, "url": url, "token": token}
        return await self._connection.post(
            PATH, Channel, json=body if events is None else body | {"events": events}
        )

    async def test(self, channel_id: str) -> Delivery:
        """Send a test message."""
        return await self._connection.post(f"{PATH}/{part(channel_id)}/test", Delivery)

    async def remove(self, channel_id: str) -> None:
        await self._connection.request("DELETE", f"{PATH}/{part(channel_id)}")
