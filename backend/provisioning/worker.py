"""Follows the report of the boot scripts, and the downloads of presets and files."""

import asyncio

import structlog

from backend.provisioning.service import Provisioning

log = structlog.get_logger(__name__)

SECONDS = 2.0


async def watch(provisioning: Provisioning) -> None:
    """Check until cancelled. A failed check is repeated."""
    while True:
        try:
            await provisioning.check()
        except Exception:
            log.exception("the state of provisioning could not be read")
        await asyncio.sleep(SECONDS)
