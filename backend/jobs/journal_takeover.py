"""Takes over the journals of pods that are gone, and so their jobs. Each pod writes its own journal, all in one folder of the volume.

A running pod touches its journal every few seconds. One that stays untouched is renamed, which only one pod can do. That pod
reads it, writes its changes into its own journal, and deletes it.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

import structlog

from backend.core.database import until_recorded
from backend.core.journal import read_entries
from backend.jobs.changes import changes_in
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.store import JobStore

log = structlog.get_logger(__name__)

SUFFIX = ".jsonl"
TAKEN = ".taken"
BEAT_SECONDS = 15.0
# Clocks of pods differ and network volumes cache times, so this is much longer than a beat.
GONE_SECONDS = 120.0


class JournalTakeover:
    def __init__(
        self,
        own: Path,
        store: JobStore,
        lifecycle: Lifecycle,
        *,
        gone_seconds: float = GONE_SECONDS,
        reload: Sequence[Callable[[], Awaitable[None]]] = (),
    ):
        """`own` is the journal of this pod; `reload` are called after a takeover, to load settings of the other pod."""
        self._own = own
        self._store = store
        self._lifecycle = lifecycle
        self._gone_seconds = gone_seconds
        self._reload = reload

    async def run(self) -> None:
        """Touch this pod's journal and take over abandoned ones until cancelled."""
        await self._store.compact()
        while True:
            await self.take_over()
            await asyncio.sleep(BEAT_SECONDS)

    async def take_over(self) -> None:
        """Take over the journals of pods that are gone. When the volume fails, the next beat tries again."""
        try:
            abandoned = await asyncio.to_thread(self._claim_abandoned)
        except OSError as error:
            log.warning("the journals of other pods cannot be read", reason=str(error))
            return
        for journal in abandoned:
            await self._take_over(journal)

    async def _take_over(self, journal: Path) -> None:
        changes = await asyncio.to_thread(lambda: changes_in(read_entries(journal)))
        jobs = await until_recorded(lambda: self._store.merge(changes))
        await asyncio.to_thread(journal.unlink, missing_ok=True)
        for reload in self._reload:
            await until_recorded(reload)
        self._lifecycle.publish(jobs)
        log.info("took over the jobs of another pod", journal=journal.name, jobs=len(jobs))

    def _claim_abandoned(self) -> list[Path]:
        """Return the journals that this pod may read now, including those of an interrupted takeover."""
        folder = self._own.parent
        folder.mkdir(parents=True, exist_ok=True)
        if self._own.exists():
            os.utime(self._own)
        mine = f"{TAKEN}-by-{self._own.stem}"
        for journal in self._gone(folder, mine):
            claimed = journal.with_name(journal.name.partition(TAKEN)[0] + mine)
            try:
                journal.rename(claimed)
                os.utime(claimed)
            except FileNotFoundError:  # another pod was faster
                continue
        return sorted(folder.glob(f"*{mine}"))

    def _gone(self, folder: Path, mine: str) -> Iterator[Path]:
        """Yield the journals of pods that are gone, and those that such pods were taking over."""
        now = _now_at(folder)
        for journal in [*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*{SUFFIX}{TAKEN}-by-*")]:
            if journal == self._own or journal.name.endswith(mine):
                continue
            with suppress(FileNotFoundError):
                if now - journal.stat().st_mtime > self._gone_seconds:
                    yield journal


def _now_at(folder: Path) -> float:
    """Return the time as the file server sees it."""
    with TemporaryFile(dir=folder) as probe:
        return os.fstat(probe.fileno()).st_mtime
