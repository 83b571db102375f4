"""JSON routes of batches."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, NotFound, OutOfSpace
from backend.jobs.dependencies import BatchesService
from backend.jobs.paging import decode, encode
from backend.jobs.schemas import BatchChange, BatchDetails, BatchView, JobView
from backend.web.errors import responses
from backend.web.paging import MAX_LIMIT, Page, Paging

router = ProtectedRouter(read=Scope.READ, write=Scope.RUN, prefix="/api/batches", tags=["jobs"])

BatchId = Annotated[str, Path(max_length=64)]
CHANGE = responses(NotFound, Conflict, OutOfSpace)


@router.get("", responses=responses())
async def show_all(
    request: Request, response: Response, batches: BatchesService, paging: Paging
) -> list[BatchView]:
    """Batches, newest first. The `Link` header names the next page."""
    found = await batches.newest(paging.limit + 1, decode(paging.cursor))
    shown, has_more = found[: paging.limit], len(found) > paging.limit
    page = Page(shown, encode(shown[-1].batch) if has_more else None)
    response.headers.update(page.headers(request))
    return [BatchView.of(status) for status in shown]


@router.get("/{batch_id}", responses=responses(NotFound))
async def show(
    batch_id: BatchId,
    batches: BatchesService,
    limit: Annotated[int, Query(ge=0, le=MAX_LIMIT, description="How many jobs are shown.")] = 100,
) -> BatchDetails:
    """One batch with its first jobs, in the order of its axes. `GET /api/jobs?batch=` has pages of them."""
    status = await batches.get(batch_id)
    jobs = await batches.jobs(batch_id)
    return BatchDetails(**BatchView.of(status).model_dump(), jobs=[JobView.of(job) for job in jobs[:limit]])


@router.patch("/{batch_id}", responses=CHANGE)
async def change(batch_id: BatchId, request: BatchChange, batches: BatchesService) -> BatchView:
    """Give the jobs that have not ended another priority."""
    return BatchView.of(await batches.set_priority(batch_id, request.priority))


@router.post("/{batch_id}/cancel", responses=CHANGE)
async def cancel(batch_id: BatchId, batches: BatchesService) -> BatchView:
    """Cancel every job that has not ended."""
    return BatchView.of(await batches.cancel(batch_id))


@router.post("/{batch_id}/retry", responses=CHANGE)
async def retry(batch_id: BatchId, batches: BatchesService) -> BatchView:
    """Queue the jobs again that have failed, are blocked or have expired."""
    return BatchView.of(await batches.retry(batch_id))
