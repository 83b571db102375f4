"""HTML routes of one job: its outputs, how they were made, and why it failed."""

import asyncio
from pathlib import Path
from typing import Any

from fastapi import Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import NotFound
from backend.jobs.changes import PromptContent
from backend.jobs.dependencies import EstimatesService, JobsService, OutputFiles
from backend.jobs.estimates import Estimates
from backend.jobs.inputs import inputs_of, node_titles
from backend.jobs.models import Job, JobState, Output
from backend.jobs.output_files import JobOutputFiles
from backend.jobs.pages.addresses import ComfyUIAddress
from backend.jobs.service import Jobs
from backend.jobs.values import with_values
from backend.jobs.views import JobRow, RunningRow, with_outputs
from backend.system.price_api import PodPriceService
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(read=Scope.READ, write=Scope.RUN, include_in_schema=False)

# Of a long text, the page shows the beginning.
MOST_TEXT = 64 * 1024
MOST_TEXTS = 20
# Jobs that one can compare this one with.
MOST_COMPARABLE = 50


@router.get("/jobs/{job_id}")
async def show(
    job_id: str,
    request: Request,
    jobs: JobsService,
    files: OutputFiles,
    estimates: EstimatesService,
    comfyui: ComfyUIAddress,
    price: PodPriceService,
) -> Response:
    job = await jobs.get(job_id)
    view = await _job_view(jobs, files, estimates, job)
    view["cost"] = price.cost_text(view["row"].seconds)
    view["comfyui"] = comfyui
    template = "jobs/_job.html" if htmx.wants_fragment(request) else "jobs/job.html"
    return renderer_of(request).page(request, template, view)


async def _job_view(jobs: Jobs, files: JobOutputFiles, estimates: Estimates, job: Job) -> dict[str, Any]:
    outputs = await jobs.outputs(job.id)
    attempts = await jobs.attempts(job.id)
    rolled = attempts[-1].values if attempts else {}
    content = await _content(jobs, job)
    prompt = with_values(content.prompt, {**job.values, **rolled}) if content and job.prepared else {}
    titles, expected = node_titles(prompt), await estimates.seconds(job)
    return {
        "row": JobRow(job=job, outputs=outputs, expected=expected),
        "running": RunningRow(job=job, expected=expected, titles=titles),
        "job": job,
        "attempts": attempts,
        "outputs": outputs,
        "texts": await asyncio.to_thread(_texts, outputs, files.folder),
        "inputs": inputs_of(prompt),
        "set_here": {*job.values, *rolled},
        "others": [await jobs.get(other) for other in job.depends_on if await _exists(jobs, other)],
        "comparable": await _comparable(jobs, job) if job.state == JobState.SUCCEEDED else [],
    }


async def _content(jobs: Jobs, job: Job) -> PromptContent | None:
    try:
        return await jobs.prompt(job)
    except NotFound:
        return None


async def _exists(jobs: Jobs, job_id: str) -> bool:
    try:
        return bool(await jobs.get(job_id))
    except NotFound:
        return False


async def _comparable(jobs: Jobs, job: Job) -> list[JobRow]:
    """Return the newest successful jobs of the same workflow, apart from this one."""
    found = await jobs.runs_like(job, MOST_COMPARABLE)
    return [row for row in await with_outputs(jobs, found) if row.job.id != job.id and row.outputs]


def _texts(outputs: tuple[Output, ...], folder: Path) -> dict[int, str]:
    """Return the beginnings of the outputs that are text, by their numbers."""
    texts: dict[int, str] = {}
    for number, output in enumerate(outputs):
        if output.kind == "text" and len(texts) < MOST_TEXTS:
            try:
                with (folder / output.path).open("rb") as file:
                    texts[number] = file.read(MOST_TEXT).decode("utf-8", "replace")
            except OSError:
                continue
    return texts
