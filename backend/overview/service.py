"""Collect the overview from the features."""

import asyncio
import contextlib
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from backend.activity.models import Entry
from backend.activity.service import Activity
from backend.core import clock
from backend.core.errors import CannotRecord
from backend.core.events import EventBus
from backend.downloads.models import ACTIVE, State, TransferChanged, TransfersChanged
from backend.downloads.service import Downloads
from backend.jobs.filters import JobFilter
from backend.jobs.models import Job, JobChanged, JobState, Output, QueueChanged
from backend.jobs.service import Jobs
from backend.overview.attention import (
    download_items,
    job_items,
    provisioning_items,
    system_items,
    token_items,
)
from backend.overview.charts import charts_of
from backend.overview.models import Overview, Running, Work
from backend.provisioning.service import Provisioning
from backend.settings.service import TokenSettings
from backend.system.sampler import Sampler

DOWNLOADS_SHOWN = 4
ACTIVITY_SHOWN = 8
OUTPUTS_SHOWN = 6
# Jobs that are searched for outputs, and for failures.
JOBS_SEARCHED = 20
RECENT = timedelta(hours=24)
# How long a page waits for a database that another program locks.
DATABASE_SECONDS = 1.0
NOTHING_RUNNING = Running(shown=(), total=0, received=0, bytes=0)
NO_WORK = Work(running=(), counts={}, outputs=())


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The services that the overview reads from."""

    sampler: Sampler
    downloads: Downloads
    jobs: Jobs
    tokens: TokenSettings
    provisioning: Provisioning
    activity: Activity


@dataclass(frozen=True, kw_only=True)
class Records:
    """What the overview shows of the database."""

    counts: Mapping[State, int] = field(default_factory=dict)
    downloads: Running = NOTHING_RUNNING
    work: Work = NO_WORK
    recently_failed: int = 0
    activity: Sequence[Entry] = ()


class OverviewService:
    """Builds the overview at most once a second, and at once when a transfer or a job changes."""

    def __init__(self, sources: Sources, events: EventBus):
        self._sources = sources
        self._changes = 0
        self._records = Records()
        for kind in (TransferChanged, TransfersChanged, JobChanged, QueueChanged):
            events.subscribe(kind, self._on_change)

    @property
    def revision(self) -> Hashable:
        """Return a value that changes when the overview may look different."""
        return self._sources.sampler.revision, self._changes, int(time.monotonic())

    async def view(self) -> Overview:
        sources = self._sources
        system, records = sources.sampler.view(), await self._current_records()
        items = [
            *(system_items(system) if system else ()),
            *provisioning_items(sources.provisioning.failures),
            *token_items(sources.tokens.views()),
            *download_items(records.counts),
            *job_items(records.work.counts, recently_failed=records.recently_failed),
        ]
        return Overview(
            system=system,
            items=sorted(items, key=lambda item: item.tone != "danger"),
            charts=charts_of(sources.sampler.history, system) if system else [],
            downloads=records.downloads,
            work=records.work,
            activity=records.activity,
        )

    async def _current_records(self) -> Records:
        """Read the database; where another program locks it, return what was read last: the page says so."""
        with contextlib.suppress(TimeoutError, CannotRecord):
            async with asyncio.timeout(DATABASE_SECONDS):
                self._records = await self._read_records()
        return self._records

    async def _read_records(self) -> Records:
        activity = await self._sources.activity.before(None, ACTIVITY_SHOWN)
        return Records(
            counts=await self._sources.downloads.counts(),
            downloads=await self._downloads(),
            work=await self._jobs(),
            recently_failed=await self._recently_failed(),
            activity=activity.entries[::-1],
        )

    async def _downloads(self) -> Running:
        downloads = self._sources.downloads
        active = [
            downloads.view(transfer) for transfer in await downloads.unfinished() if transfer.state in ACTIVE
        ]
        known = [view for view in active if view.bytes]
        return Running(
            shown=active[:DOWNLOADS_SHOWN],
            total=len(active),
            received=sum(view.received for view in known),
            bytes=sum(view.bytes or 0 for view in known),
        )

    async def _jobs(self) -> Work:
        jobs = self._sources.jobs
        return Work(
            running=await jobs.newest(JobFilter(states=(JobState.RUNNING,)), DOWNLOADS_SHOWN),
            counts=await jobs.counts(),
            outputs=await self._outputs(),
        )

    async def _outputs(self) -> list[tuple[Job, int, Output]]:
        jobs, found = self._sources.jobs, list[tuple[Job, int, Output]]()
        for job in await jobs.newest(JobFilter(states=(JobState.SUCCEEDED,)), OUTPUTS_SHOWN):
            found += [(job, number, output) for number, output in enumerate(await jobs.outputs(job.id))]
            if len(found) >= OUTPUTS_SHOWN:
                break
        return found[:OUTPUTS_SHOWN]

    async def _recently_failed(self) -> int:
        jobs = await self._sources.jobs.newest(JobFilter(states=(JobState.FAILED,)), JOBS_SEARCHED)
        since = clock.now() - RECENT
        return sum(job.finished_at is not None and job.finished_at > since for job in jobs)

    def _on_change(self, _event: object) -> None:
        self._changes += 1
