"""Renews the lease of an attempt while its worker lives; when it expires, another worker takes over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from backend.core import clock
from backend.core.async_tools import cancel_and_wait
from backend.core.database import until_recorded
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.models import Attempt

LEASE_SECONDS = 60.0
RENEW_SECONDS = 20.0


def lease_expiry() -> datetime:
    """Return when a lease that is given or renewed now expires."""
    return clock.in_seconds(LEASE_SECONDS)


@asynccontextmanager
async def lease_renewal(lifecycle: Lifecycle, attempt: Attempt) -> AsyncIterator[None]:
    """Renew the lease as long as the block runs."""
    renewal = asyncio.create_task(_renew(lifecycle, attempt))
    try:
        yield
    finally:
        await cancel_and_wait(renewal)


async def _renew(lifecycle: Lifecycle, attempt: Attempt) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        await until_recorded(lambda: lifecycle.renew(attempt, lease_expiry()))
