"""Fetches the file of one transfer: from its URL, from an alternative, or from the volume."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from backend.core.errors import CannotRecord
from backend.downloads.deduplication import Deduplication
from backend.downloads.disk_space import DiskSpace
from backend.downloads.engine.fetch import Fetcher
from backend.downloads.engine.models import DownloadResult, FileSpec, Progress
from backend.downloads.engine.resume_state import PartialFile
from backend.downloads.models import Transfer
from backend.downloads.retry_pauses import RetryPauses
from backend.downloads.store import TransferStore
from backend.sources.errors import PermanentError, TemporaryError


@dataclass(frozen=True, kw_only=True)
class TransferFetcher:
    """Knows everything that one transfer needs, so that the worker only schedules."""

    fetcher: Fetcher
    deduplication: Deduplication
    space: DiskSpace
    store: TransferStore
    models: Path
    retries: RetryPauses

    async def fetch(
        self, transfer: Transfer, progress: Progress, on_verifying: Callable[[], Awaitable[None]]
    ) -> DownloadResult:
        """Fetch from the URL, then from the alternatives. Raise the TransferError of the last one.

        Alternatives are used only when a hash proves that their content is the same, and after the usual number of
        tries for errors that usually pass.
        """
        urls = (transfer.url, *transfer.alternatives)
        for url, alternative in itertools.pairwise(urls):
            try:
                return await self._fetch_from(url, transfer, progress, on_verifying)
            except (PermanentError, TemporaryError) as error:
                is_final = isinstance(error, PermanentError) or transfer.failures >= self.retries.times
                if not is_final or progress.sha256 is None:
                    raise
                transfer = transfer.changed(sha256=progress.sha256)
                with contextlib.suppress(CannotRecord):
                    await self.store.note(transfer.id, f"{error.message} Trying another URL: {alternative}")
        return await self._fetch_from(urls[-1], transfer, progress, on_verifying)

    async def _fetch_from(
        self, url: str, transfer: Transfer, progress: Progress, on_verifying: Callable[[], Awaitable[None]]
    ) -> DownloadResult:
        spec = FileSpec(
            url=transfer.url,
            target=self.models / transfer.folder / transfer.filename,
            sha256=transfer.sha256,
            bytes=transfer.bytes,
            preset=transfer.preset,
        )
        verifying: list[asyncio.Future[None]] = []

        def check_space(missing: int) -> None:
            self.space.check_running(transfer.id, missing)

        def verify() -> None:
            verifying.append(asyncio.ensure_future(on_verifying()))

        try:
            attempt = await self.fetcher.resolve(spec, url, progress)
            async with self.deduplication.exclusive(attempt.sha256):
                result = (
                    await self.fetcher.find(attempt)
                    or await self._link(transfer, attempt.sha256, progress)
                    or await self.fetcher.download(attempt, check_space, verify)
                )
                await self.deduplication.record(transfer, result.sha256)
                return result
        finally:
            await asyncio.gather(*verifying)

    async def _link(
        self, transfer: Transfer, sha256: str | None, progress: Progress
    ) -> DownloadResult | None:
        result = await self.deduplication.link(transfer, sha256)
        if result:
            progress.result = result
            await asyncio.to_thread(PartialFile(self.models / transfer.destination).delete)
        return result
