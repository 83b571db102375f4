"""HTML routes of the catalogue and of one preset."""

from typing import Annotated, Any, Literal

from fastapi import Form, Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import UPLOAD_BODY, ProtectedRouter
from backend.downloads.dependencies import DownloadsService
from backend.downloads.schemas import TransferView
from backend.downloads.service import Downloads
from backend.presets.dependencies import (
    AllowPickle,
    KeptPath,
    PresetListService,
    PresetsService,
    Replace,
    RequirementsService,
    SentWorkflow,
)
from backend.presets.installed_files import differs
from backend.presets.listing import Filters, PresetList
from backend.presets.models import Preset
from backend.presets.schemas import FetchReport, PresetState
from backend.presets.service import Presets
from backend.web import htmx
from backend.web.caching import Body, Responses
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ,
    write=Scope.RUN,
    max_body=UPLOAD_BODY,
    include_in_schema=False,
    route_class=htmx.PageRoute,
)

SHOWN = 60

Choice = Literal["", "true", "false"]
CHOICES: dict[Choice, bool | None] = {"": None, "true": True, "false": False}


@router.get("/presets")
async def show_catalogue(
    request: Request,
    presets: PresetsService,
    listing: PresetListService,
    cache: Responses,
    q: Annotated[str, Query(max_length=200)] = "",
    category: Annotated[str, Query(max_length=80)] = "",
    installed: Choice = "",
) -> Response:
    filters = Filters(q=q, category=category or None, installed=CHOICES[installed])

    async def build() -> Body:
        template = "presets/_results.html" if htmx.wants_fragment(request) else "presets/page.html"
        view = await _list(presets, listing, filters)
        return Body(renderer_of(request).render(request, template, view))

    return await cache.page(request, await listing.revision(), build)


@router.post("/presets/update")
async def update(
    request: Request,
    presets: PresetsService,
    listing: PresetListService,
    q: Annotated[str, Form(max_length=200)] = "",
    category: Annotated[str, Form(max_length=80)] = "",
    installed: Annotated[Choice, Form()] = "",
) -> Response:
    """Read the presets again and show the list with the same search and filters."""
    report = await presets.catalogue.load()
    filters = Filters(q=q, category=category or None, installed=CHOICES[installed])
    view = await _list(presets, listing, filters)
    response = renderer_of(request).page(request, "presets/_list.html", view)
    changes = f"{len(report.added)} added, {len(report.removed)} removed"
    return htmx.with_toast(response, "success", f"{report.presets} presets, {changes}.")


@router.get("/presets/from-workflow")
async def show_drop_zone(request: Request) -> Response:
    return renderer_of(request).page(request, "presets/from_workflow.html", {})


@router.post("/presets/from-workflow")
async def show_requirements(
    request: Request,
    workflow: SentWorkflow,
    requirements: RequirementsService,
    downloads: DownloadsService,
) -> Response:
    view = {
        "requirements": await requirements.of(workflow),
        "report": None,
        "transfers": await _transfers(downloads),
    }
    return renderer_of(request).page(request, "presets/_requirements.html", view)


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


@router.get("/presets/{preset_id}")
async def show_preset(
    preset_id: str, request: Request, presets: PresetsService, downloads: DownloadsService
) -> Response:
    return await _preset_page(request, presets, downloads, preset_id)


@router.post("/presets/{preset_id}/download")
async def download(
    preset_id: str,
    request: Request,
    presets: PresetsService,
    downloads: DownloadsService,
    allow_pickle: AllowPickle = False,
    replace: Replace = False,
) -> Response:
    transfers = await presets.download(preset_id, allow_pickle=allow_pickle, replace=replace)
    response = await _preset_page(request, presets, downloads, preset_id)
    count = f"{len(transfers)} {'file' if len(transfers) == 1 else 'files'}"
    return htmx.with_toast(response, "success", f"Downloading {count}.")


@router.delete("/presets/{preset_id}")
async def remove(
    preset_id: str, request: Request, presets: PresetsService, downloads: DownloadsService
) -> Response:
    deleted = await presets.remove(preset_id)
    response = await _preset_page(request, presets, downloads, preset_id)
    message = (
        f"Deleted: {', '.join(file.filename for file in deleted)}." if deleted else "Nothing was deleted."
    )
    return htmx.with_toast(response, "info", message)


@router.post("/presets/{preset_id}/keep")
async def keep(
    preset_id: str,
    request: Request,
    presets: PresetsService,
    downloads: DownloadsService,
    file: KeptPath = None,
) -> Response:
    await presets.keep(preset_id, file)
    return await _preset_page(request, presets, downloads, preset_id)


@router.delete("/presets/{preset_id}/keep")
async def undo_keep(
    preset_id: str,
    request: Request,
    presets: PresetsService,
    downloads: DownloadsService,
    file: KeptPath = None,
) -> Response:
    await presets.undo_keep(preset_id, file)
    return await _preset_page(request, presets, downloads, preset_id)


@router.post("/presets/{preset_id}/cancel")
async def cancel(
    preset_id: str, request: Request, presets: PresetsService, downloads: DownloadsService
) -> Response:
    cancelled = await presets.cancel(preset_id)
    response = await _preset_page(request, presets, downloads, preset_id)
    names = ", ".join(transfer.filename for transfer in cancelled)
    nothing = "Another preset started these downloads. Cancel them on the Downloads page."
    return htmx.with_toast(response, "info", f"Cancelled: {names}." if names else nothing)


async def _list(presets: Presets, listing: PresetList, filters: Filters) -> dict[str, Any]:
    found = await listing.search(filters)
    return {
        "found": found,
        "shown": found[:SHOWN],
        "categories": presets.catalogue.categories(),
        "problems": presets.catalogue.problems,
        "q": filters.q,
        "category": filters.category or "",
        "installed": filters.installed,
        "size_of": _size_of,
    }


async def _transfers(downloads: Downloads) -> dict[str, TransferView]:
    """Return transfers by id, for their progress bars."""
    return {transfer.id: downloads.view(transfer) for transfer in await downloads.list()}


async def _preset_page(request: Request, presets: Presets, downloads: Downloads, preset_id: str) -> Response:
    preset = presets.catalogue.get(preset_id)
    # The page does not wait for hubs: it requests this fragment as soon as it is shown.
    status = await presets.status(preset_id, ask=request.method == "GET" and htmx.wants_fragment(request))
    is_downloading = status.state == PresetState.DOWNLOADING
    view: dict[str, Any] = {
        "preset": preset,
        "status": status,
        "transfers": await _transfers(downloads),
        # During downloads the page polls, and offers to cancel instead.
        "removable": [] if is_downloading else await presets.removable(preset_id),
        "differs": differs,
    }
    template = "presets/_status.html" if htmx.wants_fragment(request) else "presets/preset.html"
    return renderer_of(request).page(request, template, view)


def _level_of(report: FetchReport) -> Literal["success", "info"]:
    return "success" if report.transfers or report.linked else "info"


def _result(report: FetchReport) -> str:
    """Return `Downloading 3 files, 1 found here under another name.`"""
    count = len(report.transfers)
    done = [f"downloading {count} {'file' if count == 1 else 'files'}"] if count else []
    done += [f"{len(report.linked)} found here under another name"] if report.linked else []
    return (", ".join(done) or "nothing could be downloaded").capitalize() + "."


def _size_of(preset: Preset) -> int | None:
    """Return the size, as far as the definition states it."""
    sizes = [file.bytes for file in preset.files]
    return preset.disk_bytes if None in sizes else sum(size or 0 for size in sizes)
