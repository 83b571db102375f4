"""JSON routes of templates."""

from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import UPLOAD_BODY, ProtectedRouter
from backend.core.errors import Conflict, InvalidRequest, NotFound, Unavailable, UpstreamError
from backend.presets.dependencies import WORKFLOW_BODY, SentWorkflow
from backend.presets.schemas import WorkflowRequirements
from backend.templates.dependencies import TemplatesService
from backend.templates.models import Source
from backend.templates.schemas import TemplateDetails, TemplateView
from backend.templates.service import TemplateFilter, sort_key
from backend.web.errors import responses
from backend.web.paging import Paging, page_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, max_body=UPLOAD_BODY, prefix="/api/templates", tags=["templates"]
)

# Ids of saved workflows and of files have slashes.
TemplateId = Annotated[
    str, Path(max_length=1000, description="Its id, or a name that only one template has.")
]
READ = responses(NotFound, Conflict, Unavailable, UpstreamError)


def _filter(
    q: Annotated[str, Query(max_length=200, description="Words that must all occur.")] = "",
    source: Annotated[set[Source] | None, Query(description="Only from these; default: all.")] = None,
    media_type: Annotated[str | None, Query(max_length=20)] = None,
    paid: Annotated[bool, Query(description="Also those whose nodes call a paid service.")] = False,
) -> TemplateFilter:
    return TemplateFilter(q=q, sources=frozenset(source or ()), media_type=media_type, paid=paid)


@router.get("", responses=responses(InvalidRequest))
async def show_all(
    request: Request,
    response: Response,
    templates: TemplatesService,
    wanted: Annotated[TemplateFilter, Depends(_filter)],
    paging: Paging,
) -> list[TemplateView]:
    """List templates a page at a time. The `Link` header names the next page."""
    page = page_of(await templates.search(wanted), sort_key, paging.limit, paging.cursor)
    response.headers.update(page.headers(request))
    return [TemplateView.of(summary) for summary in page.items]


@router.post("", status_code=201, responses=responses(Conflict, Unavailable), openapi_extra=WORKFLOW_BODY)
async def add(
    templates: TemplatesService,
    workflow: SentWorkflow,
    title: Annotated[str, Query(min_length=1, max_length=200)],
    description: Annotated[str, Query(max_length=2000)] = "",
) -> TemplateDetails:
    """Keep a workflow on the volume. The same workflow again gets the new title."""
    return TemplateDetails.of(await templates.add(title, workflow, description))


@router.get("/schema/{template_id:path}", responses=READ)
async def show_schema(
    template_id: TemplateId,
    templates: TemplatesService,
    everything: Annotated[
        bool, Query(alias="all", description="Every input that can be set, not only those of the form.")
    ] = False,
) -> dict[str, Any]:
    """The inputs as JSON Schema. Needs a ComfyUI that runs, which says what the inputs may be."""
    return await templates.schema(await templates.get(template_id), everything=everything)


@router.get("/requirements/{template_id:path}", responses=READ)
async def show_requirements(template_id: TemplateId, templates: TemplatesService) -> WorkflowRequirements:
    """The files and nodes that a template needs, and which of them are missing."""
    return await templates.requirements(await templates.get(template_id))


@router.get("/{template_id:path}", responses=READ)
async def show(template_id: TemplateId, templates: TemplatesService) -> TemplateDetails:
    """One template with its workflow."""
    return TemplateDetails.of(await templates.get(template_id))


@router.delete("/{template_id:path}", status_code=204, responses=responses(NotFound, Conflict, Unavailable))
async def remove(template_id: TemplateId, templates: TemplatesService) -> None:
    """Delete an uploaded template. The jobs made from it keep its workflow."""
    await templates.remove(template_id)
