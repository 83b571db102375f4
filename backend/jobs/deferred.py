"""Jobs that were submitted while ComfyUI did not answer: as soon as it does, their values are checked and they are queued."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from backend.comfy.errors import ComfyError
from backend.core.database import until_recorded
from backend.core.errors import AppError
from backend.core.events import EventBus
from backend.jobs.changes import PromptContent
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.models import ErrorKind, Job, JobChanged, JobError
from backend.jobs.service import Jobs
from backend.templates.preparation import Preparation
from backend.templates.service import Templates

log = structlog.get_logger(__name__)

# How often ComfyUI is asked while jobs wait for its answer.
LOOK_SECONDS = 2.0
AT_ONCE = 10_000


class DeferredJobs:
    def __init__(self, jobs: Jobs, lifecycle: Lifecycle, templates: Templates, events: EventBus):
        self._jobs = jobs
        self._lifecycle = lifecycle
        self._templates = templates
        # Set while there may be such jobs; at start there may be some of an earlier process.
        self._arrived = asyncio.Event()
        self._arrived.set()
        events.subscribe(JobChanged, self._on_change)

    def _on_change(self, change: JobChanged) -> None:
        if not change.job.prepared:
            self._arrived.set()

    async def run(self) -> None:
        """Prepare jobs until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while waiting := await self._jobs.unprepared(AT_ONCE):
                try:
                    await self._prepare(waiting)
                except ComfyError:
                    await asyncio.sleep(LOOK_SECONDS)

    async def _prepare(self, jobs: Sequence[Job]) -> None:
        """Queue the jobs of one batch, or let them fail. Raise ComfyError when ComfyUI does not answer yet."""
        for prompt_hash, group in itertools.groupby(jobs, key=lambda job: job.prompt_hash):
            batch = list(group)
            try:
                content = await self._jobs.prompt(batch[0])
                template = await self._templates.of_document(content.workflow or {}, batch[0].template or "")
                preparation = await self._templates.preparation(template)
            except ComfyError:
                raise
            except AppError as error:
                log.info("a workflow cannot run on this ComfyUI", reason=error.message, prompt=prompt_hash)
                await self._refuse({job.id: error for job in batch})
                continue
            await self._queue(batch, preparation)

    async def _queue(self, jobs: Sequence[Job], preparation: Preparation) -> None:
        prepared, refused = await asyncio.to_thread(_prepared, jobs, preparation)
        content = PromptContent(prompt=preparation.prompt, workflow=preparation.workflow)
        await until_recorded(lambda: self._lifecycle.set_prepared(content, prepared))
        await self._refuse(refused)

    async def _refuse(self, refused: dict[str, AppError]) -> None:
        for job_id, error in refused.items():
            reason = JobError(kind=ErrorKind.INVALID, message=error.message)
            await until_recorded(lambda: self._lifecycle.refuse(job_id, reason))  # noqa: B023 - awaited at once


def _prepared(
    jobs: Sequence[Job], preparation: Preparation
) -> tuple[dict[str, Mapping[str, Any]], dict[str, AppError]]:
    """Return the values of jobs by `NODE.INPUT`, and why others cannot run."""
    copies = Counter(map(_values_key, jobs))
    found: dict[str, Mapping[str, Any]] = {}
    refused: dict[str, AppError] = {}
    seeds: dict[str, int] = {}
    for job in jobs:
        repeated = copies[_values_key(job)] > 1
        try:
            prepared = preparation.prepare(preparation.resolved(job.values), seeds or None, repeated=repeated)
        except AppError as error:
            refused[job.id] = error
            continue
        seeds |= prepared.seeds
        found[job.id] = prepared.values
    return found, refused


def _values_key(job: Job) -> str:
    return json.dumps(job.values, sort_keys=True)
