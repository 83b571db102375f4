"""Checks at intervals whether the pod is idle."""

import asyncio

import structlog

from backend.autostop.service import Autostop

log = structlog.get_logger(__name__)

# A pod that its host stops gets a signal within seconds.
STOP_SECONDS = 120.0


async def watch(autostop: Autostop, seconds: float) -> None:
    """Check without end. A check that fails stops nothing."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await autostop.check()
        except Exception:
            log.exception("the check for idleness failed")
        if autostop.view().stopping:
            await asyncio.sleep(STOP_SECONDS)
            autostop.still_runs()
