"""HTML routes of one preset."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.formatting import format_bytes
from backend.downloads.cancellations import UNDO_SECONDS
from backend.downloads.dependencies import DownloadsService
from backend.downloads.models import Transfer
from backend.downloads.pages.actions import with_undo
from backend.presets.dependencies import (
    AllowPickle,
    FilePath,
    KeptPath,
    PresetsService,
    RepairsService,
    Replace,
    ThumbnailsService,
)
from backend.presets.fit import gpu_bytes_of
from backend.presets.installed_files import differs
from backend.presets.models import Preset
from backend.presets.schemas import PresetState
from backend.system.dependencies import AddressesService, PageAddress, PodSampler
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

# Other presets that a file names; a search finds the rest.
MOST_USERS = 8


@dataclass(frozen=True)
class PresetPage:
    """Shows a preset: the whole page, or the part of it that changes."""

    request: Request
    presets: PresetsService
    downloads: DownloadsService
    thumbnails: ThumbnailsService
    sampler: PodSampler
    addresses: AddressesService
    address: PageAddress

    async def show(self, preset_id: str) -> Response:
        preset, is_fragment = self.presets.catalogue.get(preset_id), htmx.wants_fragment(self.request)
        # The page does not wait for hubs: it requests this fragment as soon as it is shown.
        status = await self.presets.status(preset_id, ask=self.request.method == "GET" and is_fragment)
        is_downloading = status.state == PresetState.DOWNLOADING
        view = {
            "preset": preset,
            "status": status,
            "transfers": {each.id: self.downloads.view(each) for each in await self.downloads.list()},
            # During downloads the page polls, and offers to cancel instead.
            "removable": [] if is_downloading else await self.presets.removable(preset_id),
            "differs": differs,
            "users": {file.place: self._other_users(preset, file.place) for file in preset.files},
            "most_users": MOST_USERS,
            "comfyui": self._comfyui(preset),
            "has_picture": preset.workflow in await self.thumbnails.names(),
            "gpu_bytes": gpu_bytes_of(preset),
        }
        template = "presets/_status.html" if is_fragment else "presets/preset.html"
        return renderer_of(self.request).page(self.request, template, view)

    def _other_users(self, preset: Preset, place: str) -> list[Preset]:
        sources = self.presets.catalogue.sources_at(place)
        return [other for other, _ in sources if other.id != preset.id]

    def _comfyui(self, preset: Preset) -> str:
        """Return the address of ComfyUI, with the template of the preset opened; empty where ComfyUI is no service."""
        system = self.sampler.view()
        names = [service.name for service in system.services] if system else []
        address = self.addresses.of(names, self.address).get("comfyui", "")
        if not address or not preset.workflow:
            return address
        return f"{address}?{urlencode({'template': preset.workflow, 'source': 'default'})}"


Page = Annotated[PresetPage, Depends()]


@router.get("/presets/{preset_id}")
async def show(preset_id: str, page: Page) -> Response:
    return await page.show(preset_id)


@router.post("/presets/{preset_id}/download")
async def download(
    preset_id: str, page: Page, allow_pickle: AllowPickle = False, replace: Replace = False
) -> Response:
    transfers = await page.presets.download(preset_id, allow_pickle=allow_pickle, replace=replace)
    count = f"{len(transfers)} {'file' if len(transfers) == 1 else 'files'}"
    return htmx.with_toast(await page.show(preset_id), "success", f"Downloading {count}.")


@router.post("/presets/{preset_id}/verify")
async def verify(preset_id: str, page: Page, repairs: RepairsService, file: KeptPath = None) -> Response:
    await repairs.verify(preset_id, file)
    return await page.show(preset_id)


@router.post("/presets/{preset_id}/repair")
async def repair(
    preset_id: str, page: Page, repairs: RepairsService, file: FilePath, allow_pickle: AllowPickle = False
) -> Response:
    transfer = await repairs.repair(preset_id, file, allow_pickle=allow_pickle)
    return htmx.with_toast(await page.show(preset_id), "success", _repairing(transfer))


@router.delete("/presets/{preset_id}")
async def remove(preset_id: str, page: Page) -> Response:
    deleted = await page.presets.remove(preset_id)
    message = (
        f"Deleted: {', '.join(file.filename for file in deleted)}." if deleted else "Nothing was deleted."
    )
    return htmx.with_toast(await page.show(preset_id), "info", message)


@router.post("/presets/{preset_id}/keep")
async def keep(preset_id: str, page: Page, file: KeptPath = None) -> Response:
    await page.presets.keep(preset_id, file)
    return await page.show(preset_id)


@router.delete("/presets/{preset_id}/keep")
async def undo_keep(preset_id: str, page: Page, file: KeptPath = None) -> Response:
    await page.presets.undo_keep(preset_id, file)
    return await page.show(preset_id)


@router.post("/presets/{preset_id}/cancel")
async def cancel(preset_id: str, page: Page) -> Response:
    cancelled = await page.presets.cancel(preset_id, UNDO_SECONDS)
    response = await page.show(preset_id)
    if cancelled:
        return with_undo(response, cancelled)
    nothing = "Another preset started these downloads. Cancel them on the Downloads page."
    return htmx.with_toast(response, "info", nothing)


def _repairing(transfer: Transfer) -> str:
    """Return `Downloading the missing 1.2 GB of ae.safetensors.`"""
    if not transfer.received:
        return f"Downloading {transfer.filename} again. The damaged file is renamed; delete it on the Storage page."
    missing = format_bytes((transfer.bytes or 0) - transfer.received)
    return f"Downloading the missing {missing} of {transfer.filename}."
