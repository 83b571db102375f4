"""Server-sent events about one job, in the protocol's frames."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

from pydantic import BaseModel

from backend.comfy_api.service import ComfyJobs
from backend.comfy_api.views import FINAL, Links, output_body, progress_body, status_of
from backend.jobs.event_stream import KEEPALIVE, KEEPALIVE_SECONDS
from backend.jobs.live import JobProgress, PreviewReady
from backend.jobs.models import Job, JobChanged, Prompt
from backend.jobs.watch import Change, Follower, JobWatch

# Between two frames of progress: at most four previews a second.
PAUSE_SECONDS = 0.25


async def events_of(job_id: str, comfy_jobs: ComfyJobs, watch: JobWatch, links: Links) -> AsyncIterator[str]:
    """Yield frames: the status first, and every output before the last status, after which the SDK listens no more."""
    jobs = comfy_jobs.jobs
    with watch.follow(job_id) as follower:
        job = await jobs.get(job_id)
        prompt = (await jobs.prompt(job)).prompt
        while status_of(job) not in FINAL:
            yield _frame(
                "status", {"status": status_of(job), "queue_position": await jobs.queue_position(job)}
            )
            async for frame, newest in _until_the_next_status(job, prompt, follower, watch):
                yield frame
                job = newest
            if watch.closing.is_set():
                return
        for number, output in enumerate(await jobs.outputs(job_id)):
            yield _frame("output", output_body(job, number, output, links))
        yield _frame("status", {"status": status_of(job)})


async def _until_the_next_status(
    job: Job, prompt: Prompt, follower: Follower, watch: JobWatch
) -> AsyncIterator[tuple[str, Job]]:
    """Yield what happens while the status stays the same, with the newest record of the job."""
    status = status_of(job)
    while not watch.closing.is_set():
        changes = await follower.next(KEEPALIVE_SECONDS)
        job = next((change.job for change in changes if isinstance(change, JobChanged)), job)
        yield "".join(_detail(change, prompt) for change in changes) or KEEPALIVE, job
        if status_of(job) != status:
            return
        await asyncio.sleep(PAUSE_SECONDS if changes else 0)


def _detail(change: Change, prompt: Prompt) -> str:
    match change:
        case JobProgress():
            return _frame("progress", progress_body(change, prompt))
        case PreviewReady():
            return _frame(
                "preview",
                {
                    "node_id": change.node_id,
                    "content_type": change.media_type,
                    "data_base64": base64.b64encode(change.content).decode(),
                },
            )
        case _:
            return ""


def _frame(event: str, data: dict[str, Any] | BaseModel) -> str:
    text = data.model_dump_json() if isinstance(data, BaseModel) else json.dumps(data)
    return f"event: {event}\ndata: {text}\n\n"
