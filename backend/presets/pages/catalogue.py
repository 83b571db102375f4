"""HTML routes of the catalogue."""

import sys
from typing import Annotated, Any, Literal

from fastapi import Form, Query, Request, Response
from pydantic import BaseModel, Field

from backend.auth.principal import Scope
from backend.auth.routing import UPLOAD_BODY, ProtectedRouter
from backend.core.errors import NotFound
from backend.presets.dependencies import PresetListService, PresetsService, ThumbnailsService
from backend.presets.fit import Machine, gpu_bytes_of, size_of
from backend.presets.listing import Filters, Order, PresetList
from backend.presets.service import Presets
from backend.presets.thumbnails import FIRST, SECOND, Thumbnails
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
async def show_thumbnail(
    preset_id: str,
    presets: PresetsService,
    thumbnails: ThumbnailsService,
    number: Annotated[int, Query(ge=FIRST, le=SECOND)] = FIRST,
) -> Response:
    """Return a picture of a preset's template, where ComfyUI's packages of pictures are installed."""
    workflow = presets.catalogue.get(preset_id).workflow
    picture = await thumbnails.find(workflow, number) if workflow else None
    if picture is None:
        raise NotFound(f"There is no picture for {preset_id[:100]}.")
    headers = {"Cache-Control": f"private, max-age={DAY_SECONDS}"}
    return Response(picture, media_type="image/webp", headers=headers)


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
        "pairs": await thumbnails.pairs(),
        "machine": machine,
        "size_of": size_of,
        "gpu_bytes_of": gpu_bytes_of,
    }
