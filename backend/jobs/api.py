"""JSON routes of jobs."""

from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse

from backend.auth.dependencies import CurrentPrincipal
from backend.auth.principal import Scope
from backend.auth.routing import UPLOAD_BODY, ProtectedRouter
from backend.core.errors import (
    Conflict,
    NotFound,
    OutOfSpace,
    RangeOutsideFile,
    TooManyRequests,
    Unavailable,
    UpstreamError,
)
from backend.core.memory import trim_soon
from backend.jobs.dependencies import (
    JobsService,
    LiveService,
    OrderingService,
    OutputFiles,
    SubmissionService,
    Watch,
)
from backend.jobs.event_stream import events_of
from backend.jobs.filters import JobFilter
from backend.jobs.models import JobSource
from backend.jobs.paging import decode, encode
from backend.jobs.schemas import (
    AnyRequest,
    AttemptView,
    ChangeRequest,
    JobDetails,
    JobQuery,
    JobView,
    MoveRequest,
    OutputView,
    QueueStatus,
    SubmitReport,
    TemplateRequest,
)
from backend.web.errors import Responses, responses
from backend.web.file_response import RangedFile
from backend.web.paging import Limit, Page

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, max_body=UPLOAD_BODY, prefix="/api/jobs", tags=["jobs"]
)

# Jobs in one request that need some ten megabytes until they are on disk.
MANY = 1000
RANGES: Responses = {206: {"description": "The range that was asked for."}}
PICTURES: dict[str, Any] = {"image/jpeg": {}, "image/png": {}}
SUBMIT = responses(NotFound, Conflict, OutOfSpace, TooManyRequests, Unavailable, UpstreamError)
CHANGE = responses(NotFound, Conflict, OutOfSpace)


@router.post("", status_code=201, responses=SUBMIT)
async def submit(
    request: AnyRequest, submission: SubmissionService, principal: CurrentPrincipal
) -> SubmitReport:
    """Queue one or many runs of a prompt, or of a template: all of them or none."""
    source = request.source if isinstance(request, TemplateRequest) else JobSource.API
    submitted = await submission.submit(request, principal.label, source)
    if len(submitted) > MANY:
        trim_soon()
    return SubmitReport(batch_id=submitted[0].batch_id, jobs=[JobView.of(job) for job in submitted])


@router.get("", responses=responses())
async def show_all(
    request: Request, response: Response, jobs: JobsService, query: Annotated[JobQuery, Query()]
) -> list[JobView]:
    """Jobs, newest first. The `Link` header names the next page."""
    wanted = JobFilter(states=tuple(sorted(query.state)), batch_id=query.batch, template=query.template)
    found = await jobs.newest(wanted, query.limit + 1, decode(query.cursor))
    shown, has_more = found[: query.limit], len(found) > query.limit
    page = Page(shown, encode(shown[-1]) if has_more else None)
    response.headers.update(page.headers(request))
    return [JobView.of(job) for job in shown]


@router.get("/queue", responses=responses())
async def show_queue(jobs: JobsService, limit: Limit = 100) -> list[JobView]:
    """The jobs that run next, in that order."""
    return [JobView.of(job) for job in await jobs.queued(limit)]


@router.get("/status", responses=responses())
async def show_status(jobs: JobsService) -> QueueStatus:
    """Whether the queue is paused, and how many jobs are in each state."""
    return QueueStatus(paused=jobs.is_paused, counts=await jobs.counts())


@router.post("/pause", status_code=204, responses=responses(OutOfSpace))
async def pause(jobs: JobsService) -> None:
    """Start no more jobs. The one that runs ends normally."""
    await jobs.pause()


@router.post("/resume", status_code=204, responses=responses(OutOfSpace))
async def resume(jobs: JobsService) -> None:
    """Start jobs again."""
    await jobs.resume()


@router.post("/move", responses=CHANGE)
async def move(request: MoveRequest, jobs: JobsService, ordering: OrderingService) -> list[JobView]:
    """Put jobs before or after all others of their priority, or just before one of them."""
    if request.before:
        return [JobView.of(job) for job in await ordering.place_before(request.ids, request.before)]
    return [JobView.of(job) for job in await jobs.move(request.ids, first=request.to == "first")]


@router.get("/{job_id}", responses=responses(NotFound))
async def show(job_id: str, jobs: JobsService) -> JobDetails:
    """One job with its attempts and outputs."""
    job = await jobs.get(job_id)
    return JobDetails(
        **JobView.of(job).model_dump(),
        attempts=[AttemptView.of(attempt) for attempt in await jobs.attempts(job_id)],
        outputs=[OutputView.of(output) for output in await jobs.outputs(job_id)],
    )


@router.patch("/{job_id}", responses=CHANGE)
async def change(job_id: str, request: ChangeRequest, jobs: JobsService) -> JobView:
    """Change a job that has not started; of one that runs, only the priority."""
    return JobView.of(await jobs.change(job_id, request))


@router.post("/{job_id}/cancel", responses=CHANGE)
async def cancel(job_id: str, jobs: JobsService) -> JobView:
    """Cancel a job. One that runs is interrupted at ComfyUI's next step."""
    return JobView.of(await jobs.cancel(job_id))


@router.post("/{job_id}/retry", responses=CHANGE)
async def retry(job_id: str, jobs: JobsService) -> JobView:
    """Queue a job again that has failed, was cancelled, is blocked or has expired."""
    return JobView.of(await jobs.retry(job_id))


@router.post("/{job_id}/next", responses=CHANGE)
async def run_next(job_id: str, jobs: JobsService) -> JobView:
    """Give a job the highest priority."""
    return JobView.of(await jobs.run_next(job_id))


@router.get("/{job_id}/workflow", responses=responses(NotFound))
async def show_workflow(job_id: str, jobs: JobsService) -> dict[str, Any]:
    """The prompt of a job with its values set, and the graph as the editor draws it."""
    content = await jobs.prompt_of(await jobs.get(job_id))
    return {"prompt": content.prompt, "workflow": content.workflow}


@router.get(
    "/{job_id}/preview",
    response_class=Response,
    responses={**responses(NotFound), 200: {"content": PICTURES}},
)
async def show_preview(job_id: str, jobs: JobsService, live: LiveService) -> Response:
    """The newest preview picture of a running job."""
    preview = live.preview((await jobs.get(job_id)).id)
    if preview is None:
        raise NotFound(f"Job {job_id} has no preview: it does not run, or ComfyUI has sent none yet.")
    return Response(preview.content, media_type=preview.media_type, headers={"Cache-Control": "no-store"})


@router.get(
    "/{job_id}/outputs/{number}",
    response_class=RangedFile,
    responses={**responses(NotFound, RangeOutsideFile), **RANGES},
)
async def show_output(
    job_id: str, number: int, jobs: JobsService, files: OutputFiles, download: bool = False
) -> RangedFile:
    """The bytes of one output; `number` counts from 0. Answers range requests. `download` has browsers save it."""
    outputs = await jobs.outputs(job_id)
    if not 0 <= number < len(outputs):
        raise NotFound(f"Job {job_id} has no output {number}.")
    output = outputs[number]
    path = await files.find(output)
    inline = not download and is_harmless(output.media_type)
    return RangedFile(
        path,
        media_type=output.media_type,
        filename=path.name,
        content_disposition_type="inline" if inline else "attachment",
    )


def is_harmless(media_type: str) -> bool:
    """Return whether a browser may show it: a page or a script of a custom node must not run as one of ours."""
    return media_type.startswith(("image/", "video/", "audio/")) or media_type == "text/plain"


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={**responses(NotFound), 200: {"content": {"text/event-stream": {}}}},
)
async def follow(job_id: str, jobs: JobsService, watch: Watch) -> StreamingResponse:
    """Server-sent events: `status`, `progress`, `output`. Outputs come before the last status."""
    await jobs.get(job_id)
    stream = events_of(job_id, jobs, watch)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
