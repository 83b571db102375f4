"""HTML routes of a batch: all of its jobs in a grid, and how far they are."""

from typing import Literal

from fastapi import Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.jobs.axes import grid_of
from backend.jobs.dependencies import EstimatesService, JobsService
from backend.jobs.models import FINAL, JobState
from backend.jobs.pages.actions import apply_to_each, changed
from backend.jobs.views import titles_of, with_outputs
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

# Pictures that a page shows; a larger batch is listed on the page of all jobs.
MOST_SHOWN = 400
MOST_JOBS = 10_000


@router.get("/batches/{batch_id}")
async def show(batch_id: str, request: Request, jobs: JobsService, estimates: EstimatesService) -> Response:
    found = await jobs.of_batch(batch_id, MOST_SHOWN)
    counts = await jobs.batch_counts(batch_id)
    each = await estimates.seconds(found[0])
    left = sum(count for state, count in counts.items() if state not in FINAL)
    view = {
        "batch_id": batch_id,
        "first": found[0],
        "grid": grid_of(await with_outputs(jobs, found), await titles_of(jobs, found[0])),
        "counts": {str(state): counts.get(state, 0) for state in JobState},
        "total": sum(counts.values()),
        "shown": len(found),
        "left": left,
        "seconds_left": each * left if each and left else None,
    }
    template = "jobs/_batch.html" if htmx.wants_fragment(request) else "jobs/batch.html"
    return renderer_of(request).page(request, template, view)


@router.post("/batches/{batch_id}/{action}")
async def control(batch_id: str, action: Literal["cancel", "retry"], jobs: JobsService) -> Response:
    """Cancel what has not ended, or try again what has not succeeded."""
    states = {JobState.FAILED, JobState.BLOCKED, JobState.EXPIRED} if action == "retry" else None
    ids = [
        job.id
        for job in await jobs.of_batch(batch_id, MOST_JOBS)
        if (job.state in states if states else not job.state.is_final)
    ]
    await apply_to_each(jobs, action, ids)
    return changed()
