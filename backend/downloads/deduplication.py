"""Downloads the same content once, however many files of it are requested."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backend.core.async_tools import KeyedLocks
from backend.core.errors import CannotRecord
from backend.downloads.engine.models import DownloadResult, Verification
from backend.downloads.models import Transfer
from backend.storage.models import ModelFile
from backend.storage.service import Storage


class Deduplication:
    """Links files whose content is on the volume already, and lets one download of a content run at a time.

    The hashes on record are a shortcut: when the database cannot be read or written, the file is downloaded.
    """

    def __init__(self, storage: Storage):
        self._storage = storage
        self._locks = KeyedLocks()

    @asynccontextmanager
    async def exclusive(self, sha256: str | None) -> AsyncIterator[None]:
        """Wait for other downloads of the same content, which is then on the volume."""
        if sha256 is None:
            yield
            return
        async with self._locks[sha256]:
            yield

    async def link(self, transfer: Transfer, sha256: str | None) -> DownloadResult | None:
        """Hard-link a file with this content to the transfer's destination. Return None when there is none.

        Only files whose hash is on record count: hashing all files would take longer than the download.
        """
        existing = await self._file_with(sha256) if sha256 else None
        if existing is None or sha256 is None:
            return None
        with contextlib.suppress(CannotRecord):
            if await self._storage.link(existing, transfer.folder, transfer.filename):
                return DownloadResult(bytes=existing.bytes, sha256=sha256, verification=Verification.VERIFIED)
        return None

    async def _file_with(self, sha256: str) -> ModelFile | None:
        with contextlib.suppress(CannotRecord):
            return await self._storage.known_content(sha256)
        return None

    async def record(self, transfer: Transfer, sha256: str) -> None:
        """Record the hash of a downloaded file."""
        with contextlib.suppress(CannotRecord):
            await self._storage.remember(transfer.folder, transfer.filename, sha256)
