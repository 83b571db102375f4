"""HTML routes of a batch: all of its jobs in a grid, and how far they are."""

from typing import Literal

from fastapi import Request, Response

from backend.auth.dependencies import CurrentPrincipal
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.jobs.batch_table import table_of
from backend.jobs.dependencies import BatchesService, EstimatesService, JobsService, RerunsService
from backend.jobs.inputs import new_seeds
from backend.jobs.models import FINAL, JobState
from backend.jobs.pages.actions import changed
from backend.jobs.views import titles_of, with_outputs
from backend.system.price_api import PodPriceService
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

# Pictures that a page shows; a larger batch is listed on the page of all jobs.
MOST_SHOWN = 400


@router.get("/batches/{batch_id}")
async def show(
    batch_id: str,
    request: Request,
    batches: BatchesService,
    jobs: JobsService,
    estimates: EstimatesService,
    price: PodPriceService,
) -> Response:
    status = await batches.get(batch_id)
    found, counts = await jobs.of_batch(batch_id, MOST_SHOWN), status.counts
    each = await estimates.seconds(found[0])
    left = sum(count for state, count in counts.items() if state not in FINAL)
    seconds_left = each * left if each and left else None
    view = {
        "batch_id": batch_id,
        "first": found[0],
        "table": table_of(
            await with_outputs(jobs, found), status.batch.axes, await titles_of(jobs, found[0])
        ),
        "counts": {str(state): counts.get(state, 0) for state in JobState},
        "total": sum(counts.values()),
        "shown": len(found),
        "left": left,
        "seconds_left": seconds_left,
        "cost_left": price.cost_text(seconds_left),
        "has_seeds": bool(new_seeds((await jobs.prompt(found[0])).prompt)),
    }
    template = "jobs/_batch.html" if htmx.wants_fragment(request) else "jobs/batch.html"
    return renderer_of(request).page(request, template, view)


@router.post("/batches/{batch_id}/again")
async def run_again(
    batch_id: str,
    batches: BatchesService,
    reruns: RerunsService,
    principal: CurrentPrincipal,
    seeds: Literal["same", "new"] = "same",
) -> Response:
    """Run all jobs of the batch once more, and go to the new batch."""
    batch = (await batches.get(batch_id)).batch
    new = await reruns.batch_again(batch, principal.label, with_new_seeds=seeds == "new")
    return Response(status_code=204, headers={"HX-Redirect": f"/batches/{new[0].batch_id}"})


@router.post("/batches/{batch_id}/{action}")
async def control(batch_id: str, action: Literal["cancel", "retry"], batches: BatchesService) -> Response:
    """Cancel what has not ended, or try again what has not succeeded."""
    await (batches.cancel(batch_id) if action == "cancel" else batches.retry(batch_id))
    return changed()
