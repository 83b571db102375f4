"""A channel whose state is looked up every few seconds, but only while somebody listens."""

import asyncio

import structlog

from backend.web.socket import Channel, Snapshot

log = structlog.get_logger(__name__)


async def publish_every(seconds: float, channel: Channel, snapshot: Snapshot) -> None:
    """Runs until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        if channel.has_listeners:
            try:
                channel.publish(await snapshot(), key="state")
            except Exception:
                log.exception("snapshot failed", channel=channel.name)
