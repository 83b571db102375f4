"""Background work of auth."""

import asyncio

from backend.auth.service import Authentication

SAVE_SECONDS = 60.0


async def save_and_reload(authentication: Authentication) -> None:
    """Save now and then when sessions and keys were last used, and read keys that other pods have changed."""
    while True:
        await asyncio.sleep(SAVE_SECONDS)
        await save(authentication)
        await authentication.keys.load()


async def save(authentication: Authentication) -> None:
    await authentication.keys.save_last_use()
    await authentication.sessions.save_last_seen()
