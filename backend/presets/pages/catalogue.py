"""HTML routes of the catalogue and of one preset."""

import sys
from typing import Annotated, Any, Literal

from fastapi import Form, Query, Request, Response
from pydantic import BaseModel, Field

from backend.auth.principal import Scope
from backend.auth.routing import UPLOAD_BODY, ProtectedRouter
from backend.core.errors import NotFound
from backend.downloads.cancellations import UNDO_SECONDS
from backend.downloads.dependencies import DownloadsService
from backend.downloads.pages.actions import with_undo
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
    ThumbnailsService,
)
from backend.presets.fit import Machine, gpu_bytes_of, size_of
from backend.presets.installed_files import differs
from backend.presets.listing import Filters, Order, PresetList
from backend.presets.schemas import FetchReport, PresetState
from backend.presets.service import Presets
from backend.presets.thumbnails import Thumbnails
from backend.system.dependencies import PodSampler
from backend.system.models import SystemView
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
MAX_SHOWN = 5000
DAY_SECONDS = 86_400
GB = 10**9

Choice = Literal["", "true", "false"]
CHOICES: dict[Choice, bool | None] = {"": None, "true": True, "false": False}
ORDERS: tuple[tuple[Order, str], ...] = (
    ("recommended", "Recommended"),
    ("popular", "Most popular"),
    ("newest", "Newest"),
    ("size", "Smallest"),
    ("name", "Name"),
)


class CatalogueForm(BaseModel):
    """The search, the filters and the order of the page."""

    q: str = Field(default="", max_length=200)
    category: str = Field(default="", max_length=80)
    family: str = Field(default="", max_length=80)
    installed: Choice = ""
    fits: bool = False
    order: Order = "recommended"
    # How many are on the page; it grows as the user scrolls.
    shown: int = Field(default=SHOWN, ge=1, le=MAX_SHOWN)

    def filters(self, machine: Machine) -> Filters:
        return Filters(
            q=self.q,
            category=self.category or None,
            family=self.family or None,
            installed=CHOICES[self.installed],
            fits=machine if self.fits else None,
            order=self.order,
        )


@router.get("/presets")
async def show_catalogue(
    request: Request,
    presets: PresetsService,
    listing: PresetListService,
    thumbnails: ThumbnailsService,
    sampler: PodSampler,
    cache: Responses,
    form: Annotated[CatalogueForm, Query()],
) -> Response:
    machine = _machine(sampler.view())

    async def build() -> Body:
        template = "presets/_results.html" if htmx.wants_fragment(request) else "presets/page.html"
        view = await _list(presets, listing, thumbnails, form, machine)
        return Body(renderer_of(request).render(request, template, view))

    return await cache.page(request, (await listing.revision(), machine), build)


@router.post("/presets/update")
async def update(
    request: Request,
    presets: PresetsService,
    listing: PresetListService,
    thumbnails: ThumbnailsService,
    sampler: PodSampler,
    form: Annotated[CatalogueForm, Form()],
) -> Response:
    """Read the presets again and show the list with the same search and filters."""
    report = await presets.catalogue.load()
    view = await _list(presets, listing, thumbnails, form, _machine(sampler.view()))
    response = renderer_of(request).page(request, "presets/_list.html", view)
    changes = f"{len(report.added)} added, {len(report.removed)} removed"
    return htmx.with_toast(response, "success", f"{report.presets} presets, {changes}.")


@router.get("/presets/{preset_id}/thumbnail")
async def show_thumbnail(preset_id: str, presets: PresetsService, thumbnails: ThumbnailsService) -> Response:
    """Return the picture of a preset's template, where ComfyUI's packages of pictures are installed."""
    workflow = presets.catalogue.get(preset_id).workflow
    picture = await thumbnails.find(workflow) if workflow else None
    if picture is None:
        raise NotFound(f"There is no picture for {preset_id[:100]}.")
    headers = {"Cache-Control": f"private, max-age={DAY_SECONDS}"}
    return Response(picture, media_type="image/webp", headers=headers)


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
    cancelled = await presets.cancel(preset_id, UNDO_SECONDS)
    response = await _preset_page(request, presets, downloads, preset_id)
    if cancelled:
        return with_undo(response, cancelled)
    nothing = "Another preset started these downloads. Cancel them on the Downloads page."
    return htmx.with_toast(response, "info", nothing)


def _machine(view: SystemView | None) -> Machine:
    """Return what the pod has, rounded: the page is cached while it stays the same."""
    if view is None:
        return Machine(free_bytes=sys.maxsize, gpu_bytes=None)
    sizes = [gpu.memory_total for gpu in view.accelerator.devices if gpu.memory_total]
    return Machine(free_bytes=view.disk.free // GB * GB, gpu_bytes=max(sizes, default=None))


async def _list(
    presets: Presets, listing: PresetList, thumbnails: Thumbnails, form: CatalogueForm, machine: Machine
) -> dict[str, Any]:
    found = await listing.search(form.filters(machine))
    return {
        "form": form,
        "found": len(found),
        "shown": found[: form.shown],
        "next": form.shown + SHOWN,
        "categories": presets.catalogue.categories(),
        "families": presets.catalogue.families(),
        "orders": ORDERS,
        "problems": presets.catalogue.problems,
        "pictures": await thumbnails.names(),
        "machine": machine,
        "size_of": size_of,
        "gpu_bytes_of": gpu_bytes_of,
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
