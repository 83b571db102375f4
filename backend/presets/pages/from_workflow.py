"""HTML routes for the requirements of a workflow."""

from typing import Annotated, Literal

from fastapi import Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import UPLOAD_BODY, ProtectedRouter
from backend.downloads.dependencies import DownloadsService
from backend.downloads.schemas import TransferView
from backend.downloads.service import Downloads
from backend.presets.dependencies import AddedWorkflowsService, AllowPickle, RequirementsService, SentWorkflow
from backend.presets.schemas import FetchReport
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ,
    write=Scope.RUN,
    max_body=UPLOAD_BODY,
    include_in_schema=False,
    route_class=htmx.PageRoute,
)


@router.get("/presets/from-workflow")
async def show_drop_zone(request: Request, added: Annotated[str, Query(max_length=64)] = "") -> Response:
    return renderer_of(request).page(request, "presets/from_workflow.html", {"added": added})


@router.post("/presets/from-workflow/keep")
async def keep(
    workflow: SentWorkflow, requirements: RequirementsService, store: AddedWorkflowsService
) -> Response:
    """Keep a workflow that was dropped or pasted on any page, and redirect to the page with its requirements."""
    await requirements.of(workflow)  # raises when it holds no workflow
    return Response(status_code=204, headers={"HX-Redirect": _address(await store.save(workflow))})


@router.post("/presets/from-workflow")
async def show_requirements(
    request: Request,
    workflow: SentWorkflow,
    requirements: RequirementsService,
    downloads: DownloadsService,
    store: AddedWorkflowsService,
) -> Response:
    view = {
        "requirements": await requirements.of(workflow),
        "report": None,
        "transfers": await _transfers(downloads),
    }
    response = renderer_of(request).page(request, "presets/_requirements.html", view)
    response.headers["HX-Replace-Url"] = _address(await store.save(workflow))
    return response


@router.post("/presets/from-workflow/download")
async def fetch_for_workflow(
    request: Request,
    workflow: SentWorkflow,
    requirements: RequirementsService,
    downloads: DownloadsService,
    allow_pickle: AllowPickle = False,
) -> Response:
    report = await requirements.fetch(workflow, allow_pickle=allow_pickle)
    view = {
        "requirements": await requirements.of(workflow),
        "report": report,
        "transfers": await _transfers(downloads),
    }
    response = renderer_of(request).page(request, "presets/_requirements.html", view)
    return htmx.with_toast(response, _level_of(report), _result(report))


def _address(workflow_id: str) -> str:
    return f"/presets/from-workflow?added={workflow_id}"


async def _transfers(downloads: Downloads) -> dict[str, TransferView]:
    """Return transfers by id, for their progress bars."""
    return {transfer.id: downloads.view(transfer) for transfer in await downloads.list()}


def _level_of(report: FetchReport) -> Literal["success", "info"]:
    return "success" if report.transfers or report.linked else "info"


def _result(report: FetchReport) -> str:
    """Return `Downloading 3 files, 1 found here under another name.`"""
    count = len(report.transfers)
    done = [f"downloading {count} {'file' if count == 1 else 'files'}"] if count else []
    done += [f"{len(report.linked)} found here under another name"] if report.linked else []
    return (", ".join(done) or "nothing could be downloaded").capitalize() + "."
