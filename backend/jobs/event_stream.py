"""Server-sent events about one job, until it ends."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from backend.jobs.live import JobProgress
from backend.jobs.models import Job, JobChanged
from backend.jobs.schemas import JobView, OutputView
from backend.jobs.service import Jobs
from backend.jobs.watch import Change, JobWatch

# Proxies and clients give up after some 45 seconds of silence.
KEEPALIVE_SECONDS = 15.0
KEEPALIVE = ": keepalive\n\n"


async def events_of(job_id: str, jobs: Jobs, watch: JobWatch) -> AsyncIterator[str]:
    """Yield frames: the state first, then changes, and the outputs before the last state."""
    with watch.follow(job_id) as follower:
        job = await jobs.get(job_id)
        while not job.state.is_final:
            yield _status(job)
            seen = job.state
            while job.state == seen:
                if watch.closing.is_set():
                    return
                changes = await follower.next(KEEPALIVE_SECONDS)
                yield "".join(_progress(change) for change in changes) or KEEPALIVE
                job = _newest(changes, job)
        for number, output in enumerate(await jobs.outputs(job_id)):
            yield _frame("output", {"number": number, **OutputView.of(output).model_dump(mode="json")})
        yield _status(job)


def _newest(changes: list[Change], job: Job) -> Job:
    return next((change.job for change in changes if isinstance(change, JobChanged)), job)


def _status(job: Job) -> str:
    return _frame("status", JobView.of(job).model_dump(mode="json"))


def _progress(change: Change) -> str:
    return _frame("progress", asdict(change)) if isinstance(change, JobProgress) else ""


def _frame(event: str, data: dict[str, Any]) -> str:
    return f"event: {event}\ndata: {json.dumps(data, default=str)}\n\n"
