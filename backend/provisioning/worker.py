"""Follows the boot scripts' report, and presets and files until they are on the disk."""

import asyncio

import structlog

from backend.provisioning.service import Provisioning

log = structlog.get_logger(__name__)

SECONDS = 2.0


async def watch(provisioning: Provisioning) -> None:
    """Check without end. A check that fails stops nothing."""
    while True:
        try:
            await provisioning.check()
        except Exception:
            log.exception("the state of provisioning could not be read")
        await asyncio.sleep(SECONDS)
