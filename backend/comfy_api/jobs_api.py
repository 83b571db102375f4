"""Routes of jobs."""

import re
from typing import Annotated

from fastapi import Header, Query, Request
from fastapi.responses import StreamingResponse

from backend.auth.dependencies import CurrentPrincipal
from backend.auth.principal import Scope
from backend.auth.routing import UPLOAD_BODY, PublicRouter
from backend.comfy_api.dependencies import ClientLinks, ComfyJobsService
from backend.comfy_api.errors import Unprocessable
from backend.comfy_api.event_stream import events_of
from backend.comfy_api.routing import PREFIX, ComfyRouter
from backend.comfy_api.schemas import (
    MAX_LABELS,
    ApiHealth,
    JobBody,
    JobList,
    ListQuery,
    SubmitBody,
    WorkflowBody,
)
from backend.comfy_api.views import job_body, job_summary, states_of
from backend.core.errors import InvalidRequest, NotFound, OutOfSpace, TooManyRequests
from backend.jobs.dependencies import Watch
from backend.jobs.filters import JobFilter
from backend.jobs.models import Job
from backend.jobs.paging import decode, encode
from backend.web.errors import responses

router = ComfyRouter(read=Scope.READ, write=Scope.RUN, max_body=UPLOAD_BODY)
public_router = PublicRouter(prefix=PREFIX, tags=["comfy api v2"])

LABEL = re.compile(r"metadata\[(.+)\]")
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, description="A second job with the same key is refused with 422."),
]


@public_router.get("/health")
async def show_health() -> ApiHealth:
    """Whether this API answers."""
    return ApiHealth()


@router.post(
    "/jobs", status_code=201, responses=responses(NotFound, Unprocessable, OutOfSpace, TooManyRequests)
)
async def submit(
    body: SubmitBody,
    comfy_jobs: ComfyJobsService,
    principal: CurrentPrincipal,
    links: ClientLinks,
    idempotency_key: IdempotencyKey = None,
) -> JobBody:
    """Queue one run of a workflow."""
    job = await comfy_jobs.submit(body, idempotency_key, principal.label)
    return await _described(job, comfy_jobs, links)


@router.get("/jobs", responses=responses())
async def show_all(
    request: Request, comfy_jobs: ComfyJobsService, query: Annotated[ListQuery, Query()]
) -> JobList:
    """Jobs, newest first. `metadata[NAME]=VALUE` keeps those with this label."""
    wanted = JobFilter(
        states=states_of(query.status) if query.status else (),
        labels=_labels_of(request),
    )
    if query.status and not wanted.states:
        raise InvalidRequest("`status` names no status. Use `queued`, `running`, `succeeded`, …")
    found = await comfy_jobs.jobs.newest(wanted, query.limit + 1, decode(query.cursor))
    shown, has_more = found[: query.limit], len(found) > query.limit
    return JobList(
        jobs=[job_summary(job) for job in shown],
        next_cursor=encode(shown[-1]) if has_more else None,
        truncated=has_more,
    )


@router.get("/jobs/{job_id}", responses=responses(NotFound))
async def show(job_id: str, comfy_jobs: ComfyJobsService, links: ClientLinks) -> JobBody:
    """One job with its progress and outputs."""
    return await _described(await comfy_jobs.jobs.get(job_id), comfy_jobs, links)


@router.post("/jobs/{job_id}/cancel", responses=responses(NotFound, OutOfSpace))
async def cancel(job_id: str, comfy_jobs: ComfyJobsService, links: ClientLinks) -> JobBody:
    """Cancel a job. One that runs ends at ComfyUI's next step; one that has ended stays as it is."""
    return await _described(await comfy_jobs.cancel(job_id), comfy_jobs, links)


@router.get("/jobs/{job_id}/workflow", responses=responses(NotFound))
async def show_workflow(job_id: str, comfy_jobs: ComfyJobsService) -> WorkflowBody:
    """The workflow that the job runs, in API format."""
    content = await comfy_jobs.jobs.prompt_of(await comfy_jobs.jobs.get(job_id))
    return WorkflowBody(workflow=content.prompt)


@router.get(
    "/jobs/{job_id}/events",
    response_class=StreamingResponse,
    responses={**responses(NotFound), 200: {"content": {"text/event-stream": {}}}},
)
async def follow(
    job_id: str, comfy_jobs: ComfyJobsService, watch: Watch, links: ClientLinks
) -> StreamingResponse:
    """Server-sent events: `status`, `progress`, `preview`, `output`. Outputs come before the last status."""
    await comfy_jobs.jobs.get(job_id)
    stream = events_of(job_id, comfy_jobs, watch, links)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _described(job: Job, comfy_jobs: ComfyJobsService, links: ClientLinks) -> JobBody:
    return job_body(await comfy_jobs.snapshot(job), links)


def _labels_of(request: Request) -> dict[str, str]:
    """Return the labels of the query, which are written `metadata[NAME]=VALUE`."""
    labels = {
        match[1]: value for name, value in request.query_params.items() if (match := LABEL.fullmatch(name))
    }
    if len(labels) > MAX_LABELS:
        raise InvalidRequest(f"At most {MAX_LABELS} labels can be asked for.", code="invalid_metadata_filter")
    return labels
