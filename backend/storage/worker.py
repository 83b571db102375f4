"""Keep the file index up to date in the background, with scans and inotify."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from backend.storage.index import FileIndex
from backend.storage.models import UNFINISHED
from backend.storage.volume import is_network_volume
from backend.storage.watch import Reports, watching

# Between two scans that check directories only.
NETWORK_SECONDS = 10.0
LOCAL_SECONDS = 60.0
# Between two scans that read every file.
FULL_SECONDS = 600.0
# Scans take at most 1/DUTY of the time.
DUTY = 20
SAVE_SECONDS = 60.0
# Between two attempts to watch.
RETRY_SECONDS = 60.0
# Between two checks for a missing model folder.
MISSING_SECONDS = 2.0


class IndexWorker:
    """The background tasks of one index."""

    def __init__(self, index: FileIndex, save_more: Callable[[], Awaitable[None]] | None = None):
        """`save_more` is called whenever the index is saved."""
        self._index = index
        self._save_more = save_more

    async def scan(self) -> None:
        """Scan at start, then at intervals. Run until cancelled."""
        full_at, save_at = time.monotonic(), time.monotonic() + SAVE_SECONDS
        await self._index.scan(recheck=True)
        while True:
            is_full = time.monotonic() >= full_at
            await asyncio.sleep(await asyncio.to_thread(self._pause))
            await self._index.scan(full=is_full, recheck=True)
            if is_full:
                full_at = time.monotonic() + max(FULL_SECONDS, DUTY * self._index.scan_seconds)
            if time.monotonic() > save_at:
                await self._index.save()
                if self._save_more:
                    await self._save_more()
                save_at = time.monotonic() + SAVE_SECONDS

    def _pause(self) -> float:
        on_network = any(is_network_volume(path) for _, path in self._index.roots)
        return max(NETWORK_SECONDS if on_network else LOCAL_SECONDS, DUTY * self._index.scan_seconds)

    async def watch(self) -> None:
        """Apply inotify reports to the index. Run until cancelled."""
        await self._index.filled.wait()
        while True:
            folders = await asyncio.to_thread(self._index.folders)
            if folders:
                async with watching(folders) as reports:
                    await self._follow(folders, reports)
            has_changed = await asyncio.to_thread(self._index.folders) != folders
            await asyncio.sleep(MISSING_SECONDS if has_changed or not folders else RETRY_SECONDS)

    async def _follow(self, folders: tuple[Path, ...], reports: Reports) -> None:
        """Apply reports until the set of folders changes or watching ends."""
        if await reports.get() is None:
            return
        await self._index.scan(recheck=True)  # find changes from before the folders were watched
        while (paths := await reports.get()) is not None:
            await self._index.refresh(*map(Path, paths))
            if any(self._may_be_directory(path) for path in paths):
                await self._index.scan()
            if await asyncio.to_thread(self._index.folders) != folders:
                return

    def _may_be_directory(self, path: str) -> bool:
        return not path.endswith(UNFINISHED) and not self._index.has_file(path)
