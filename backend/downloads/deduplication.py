"""The same content is fetched once, however many files of it are wanted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from backend.downloads.models import Transfer
from backend.storage.service import Storage


class Deduplication:
    """Knows which content is on its way, and gives what is here a second name."""

    def __init__(self, storage: Storage):
        self._storage = storage
        self._claims: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def claim(self, sha256: str | None) -> AsyncIterator[None]:
        """Fetch content alone: whoever wants the same waits, and then finds it here."""
        if sha256 is None:
            yield
            return
        lock = self._claims.setdefault(sha256, asyncio.Lock())
        async with lock:
            yield

    async def share(self, sha256: str | None, transfer: Transfer) -> int | None:
        """Give a file with this content the transfer's name too. Returns its size, None when there is no such file.

        Only files whose hash is known already are considered: reading them all would take longer than fetching one.
        """
        found = await self._storage.known_content(sha256) if sha256 else None
        if found and await self._storage.link(found, transfer.folder, transfer.filename):
            return found.bytes
        return None

    async def remember(self, transfer: Transfer, sha256: str) -> None:
        await self._storage.remember(transfer.folder, transfer.filename, sha256)
