"""Publish a snapshot on a channel at intervals."""

import asyncio

import structlog

from backend.web.socket import Channel, Snapshot

log = structlog.get_logger(__name__)


async def publish_every(seconds: float, channel: Channel, snapshot: Snapshot) -> None:
    """Publish a snapshot every few seconds while the channel has listeners. Run until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        if channel.has_listeners:
            try:
                channel.publish(await snapshot(), key="state")
            except Exception:
                log.exception("snapshot failed", channel=channel.name)
