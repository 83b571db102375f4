"""Deletes expired files from the trash."""

import asyncio

from backend.core import clock
from backend.storage.trash.service import Trash

SECONDS = 3600.0


async def delete_expired(trash: Trash) -> None:
    """Check at start and then every hour, until cancelled."""
    while True:
        await trash.delete_expired(clock.now())
        await asyncio.sleep(SECONDS)
