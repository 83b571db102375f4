"""Delete what has been in the trash for too long."""

import asyncio

from backend.core import clock
from backend.storage.trash.service import Trash

SECONDS = 3600.0


async def delete_expired(trash: Trash) -> None:
    """Look at start and then every hour. Run until cancelled."""
    while True:
        await trash.delete_expired(clock.now())
        await asyncio.sleep(SECONDS)
