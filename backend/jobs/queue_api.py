"""JSON routes of the queue as a whole: its settings, export and import, prompts of ComfyUI's own queue."""

from typing import Annotated

from fastapi import Depends

from backend.auth.dependencies import CurrentPrincipal
from backend.auth.principal import Scope
from backend.auth.routing import UPLOAD_BODY, ProtectedRouter
from backend.comfy.client import ComfyClient
from backend.core.errors import Conflict, NotFound, OutOfSpace, TooManyRequests, Unavailable, UpstreamError
from backend.jobs.comfyui_queue import adopt_prompts
from backend.jobs.dependencies import JobsService
from backend.jobs.queue_files import QueueDocument, export_queue, import_queue
from backend.jobs.queue_settings import QueueSettings, QueueSettingsChange
from backend.jobs.schemas import JobView
from backend.web.errors import responses
from backend.web.features import provided

settings_router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, prefix="/api/jobs/settings", tags=["jobs"]
)
router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, max_body=UPLOAD_BODY, prefix="/api/jobs", tags=["jobs"]
)


@settings_router.get("", responses=responses())
async def show_settings(jobs: JobsService) -> QueueSettings:
    """Limits, quiet hours, and what happens after a crash."""
    return jobs.policy.current


@settings_router.patch("", responses=responses(OutOfSpace))
async def change_settings(request: QueueSettingsChange, jobs: JobsService) -> QueueSettings:
    """Change settings; omitted ones stay unchanged."""
    return await jobs.change_settings(request)


@router.get("/export", responses=responses(NotFound))
async def show_export(jobs: JobsService) -> QueueDocument:
    """Every job that has not ended, with its workflow, as a document for `POST /api/jobs/import`."""
    return await export_queue(jobs)


@router.post("/import", status_code=201, responses=responses(NotFound, Conflict, OutOfSpace, TooManyRequests))
async def add_exported(
    document: QueueDocument, jobs: JobsService, principal: CurrentPrincipal
) -> list[JobView]:
    """Queue the jobs of an exported queue. Importing it twice queues them once."""
    return [JobView.of(job) for job in await import_queue(jobs, document, principal.label)]


@router.post(
    "/adopt",
    status_code=201,
    responses=responses(NotFound, Conflict, OutOfSpace, TooManyRequests, Unavailable, UpstreamError),
)
async def adopt(
    jobs: JobsService,
    principal: CurrentPrincipal,
    comfy: Annotated[ComfyClient, Depends(provided(ComfyClient))],
) -> list[JobView]:
    """Move the prompts that wait in ComfyUI's own queue into this one. What runs there goes on."""
    return [JobView.of(job) for job in await adopt_prompts(jobs, comfy, principal.label)]
