"""JSON routes of workflow documents."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import UPLOAD_BODY, ProtectedRouter
from backend.core import clock
from backend.core.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    OutOfSpace,
    TooManyRequests,
    Unavailable,
    UpstreamError,
)
from backend.documents.dependencies import DocumentsService, OpeningService, RunsService
from backend.documents.models import Head
from backend.documents.opening import Opening, Source
from backend.documents.schemas import (
    Diff,
    DocumentDetails,
    DocumentView,
    InputView,
    OpenRequest,
    PatchReport,
    PatchRequest,
    ReplaceRequest,
    RevertRequest,
    RunRequest,
    SaveReport,
    SaveRequest,
    UndoRequest,
    ValidationReport,
    VersionView,
)
from backend.jobs.models import JobSource
from backend.jobs.paging import decode
from backend.jobs.schemas import JobRequest, JobView, SubmitReport
from backend.web.errors import responses
from backend.web.paging import Limit, Page, Paging, encode_cursor

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, max_body=UPLOAD_BODY, prefix="/api/workflows", tags=["workflows"]
)

ASKS_COMFYUI = responses(NotFound, Conflict, UpstreamError, Unavailable)
CHANGE = responses(NotFound, Conflict, UpstreamError, Unavailable, OutOfSpace)

Number = Annotated[
    int | None, Query(ge=1, le=1_000_000, description="Version number. Default: the newest version.")
]
FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A workflow as ComfyUI exports it, or a picture, video or sound that ComfyUI saved.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("", responses=responses())
async def show_all(
    request: Request,
    response: Response,
    documents: DocumentsService,
    paging: Paging,
    q: Annotated[str, Query(max_length=200, description="Words that must all occur in the name.")] = "",
) -> list[DocumentView]:
    """Documents, the last changed one first. The `Link` header names the next page."""
    found = await documents.page(q.split(), paging.limit + 1, decode(paging.cursor))
    shown, has_more = found[: paging.limit], len(found) > paging.limit
    page: Page[Head] = Page(shown, _cursor(shown[-1]) if has_more else None)
    response.headers.update(page.headers(request))
    return [DocumentView.of_head(head) for head in shown]


@router.post("", status_code=201, responses=CHANGE)
async def open_one(request: OpenRequest, opening: OpeningService) -> DocumentView:
    """Save a workflow from ComfyUI, a template, a job, another document or the request as a new document."""
    return DocumentView.of_head(await opening.create(await _source(request, opening), request.name))


@router.post(
    "/file", status_code=201, responses=responses(InvalidRequest, OutOfSpace), openapi_extra=FILE_BODY
)
async def open_file(
    request: Request,
    opening: OpeningService,
    name: Annotated[str, Query(max_length=200, description="Name of the file.")] = "",
) -> DocumentView:
    """Save the workflow of a file as a new document."""
    return DocumentView.of_head(await opening.create(await opening.file(await request.body(), name)))


@router.get("/{workflow_id}", responses=responses(NotFound))
async def show(workflow_id: str, documents: DocumentsService, version: Number = None) -> DocumentDetails:
    """One version with its content."""
    return DocumentDetails.of_stored(await documents.get(workflow_id, version))


@router.delete("/{workflow_id}", status_code=204, responses=responses(NotFound, OutOfSpace))
async def delete(workflow_id: str, documents: DocumentsService) -> None:
    """Delete a document with all its versions."""
    await documents.delete(workflow_id)


@router.get("/{workflow_id}/versions", responses=responses(NotFound))
async def show_versions(
    workflow_id: str, documents: DocumentsService, limit: Limit = 100, before: Number = None
) -> list[VersionView]:
    """Versions, newest first; with `before` those that precede a version."""
    return [VersionView.of(version) for version in await documents.versions(workflow_id, limit, before)]


@router.post("/{workflow_id}/versions", responses=CHANGE)
async def replace(workflow_id: str, request: ReplaceRequest, documents: DocumentsService) -> PatchReport:
    """Save a whole workflow as the next version."""
    return PatchReport.of(
        await documents.replace(workflow_id, request.base, request.document, request.reason)
    )


@router.post("/{workflow_id}/patch", responses=CHANGE)
async def patch(workflow_id: str, request: PatchRequest, documents: DocumentsService) -> PatchReport:
    """Apply all operations to the newest version, or none."""
    operations = [item.operation() for item in request.operations]
    return PatchReport.of(await documents.patch(workflow_id, request.base, operations, request.reason))


@router.post("/{workflow_id}/undo", responses=CHANGE)
async def undo(workflow_id: str, request: UndoRequest, documents: DocumentsService) -> PatchReport:
    """Restore the version before; undoing again goes one more step back."""
    return PatchReport.of(await documents.undo(workflow_id, request.base))


@router.post("/{workflow_id}/revert", responses=CHANGE)
async def revert(workflow_id: str, request: RevertRequest, documents: DocumentsService) -> PatchReport:
    """Make a new version with the content of an earlier one."""
    return PatchReport.of(await documents.revert(workflow_id, request.base, request.version, request.reason))


@router.get("/{workflow_id}/diff", responses=responses(NotFound))
async def diff(
    workflow_id: str,
    documents: DocumentsService,
    before: Annotated[int, Query(ge=1, le=1_000_000)],
    after: Number = None,
) -> Diff:
    """The changes from one version to another, as data and as text."""
    return Diff.of(await documents.compare(workflow_id, before, after))


@router.get("/{workflow_id}/inputs", responses=ASKS_COMFYUI)
async def show_inputs(workflow_id: str, runs: RunsService, version: Number = None) -> list[InputView]:
    """What can be set before a run, the inputs of the form first."""
    return [InputView.of(item) for item in await runs.inputs(workflow_id, version)]


@router.get("/{workflow_id}/prompt", responses=ASKS_COMFYUI)
async def show_prompt(workflow_id: str, runs: RunsService, version: Number = None) -> dict[str, Any]:
    """The workflow in API format, as ComfyUI runs it."""
    return await runs.prompt(workflow_id, version)


@router.post("/{workflow_id}/validate", responses=ASKS_COMFYUI)
async def validate(workflow_id: str, runs: RunsService, version: Number = None) -> ValidationReport:
    """Check the workflow against the node types and files that ComfyUI has."""
    return ValidationReport.of(await runs.validate(workflow_id, version))


@router.post("/{workflow_id}/save", responses=CHANGE)
async def save(workflow_id: str, request: SaveRequest, runs: RunsService) -> SaveReport:
    """Write a version to ComfyUI's own workflows."""
    path = await runs.save(workflow_id, request.version, request.path, overwrite=request.overwrite)
    return SaveReport(path=path)


@router.post(
    "/{workflow_id}/run",
    status_code=201,
    responses=responses(NotFound, Conflict, UpstreamError, Unavailable, OutOfSpace, TooManyRequests),
)
async def run(workflow_id: str, request: RunRequest, runs: RunsService) -> SubmitReport:
    """Queue one or many runs of a version: all of them or none."""
    job = JobRequest(name=request.name, priority=request.priority, idempotency_key=request.idempotency_key)
    jobs = await runs.submit(workflow_id, request.version, request.runs, job, JobSource.API)
    return SubmitReport(batch_id=jobs[0].batch_id, jobs=[JobView.of(each) for each in jobs])


async def _source(request: OpenRequest, opening: Opening) -> Source:
    if request.document is not None:
        return await opening.document(request.document)
    if request.comfyui_path is not None:
        return await opening.comfyui(request.comfyui_path)
    if request.template_id is not None:
        return await opening.template(request.template_id)
    if request.job_id is not None:
        return await opening.job(request.job_id)
    return await opening.copy(request.workflow_id or "", request.version)


def _cursor(head: Head) -> str:
    return encode_cursor((clock.to_text(head.version.created_at), head.id))
