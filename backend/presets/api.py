"""The JSON door of presets."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.auth.access import SignedIn
from backend.core.errors import Conflict, Forbidden, NotFound, OutOfSpace
from backend.downloads.access import DownloadsService
from backend.downloads.models import TransferView
from backend.presets.access import PresetsService
from backend.presets.models import Category, Preset, PresetFile, PresetStatus, PresetSummary, UpdateReport
from backend.web.errors import responses

router = APIRouter(prefix="/api/presets", tags=["presets"])


@router.get("", responses=responses())
async def search(
    presets: PresetsService,
    _session: SignedIn,
    q: Annotated[str, Query(max_length=200, description="Words that all must occur.")] = "",
    category: Annotated[str | None, Query(max_length=80)] = None,
    installed: Annotated[bool | None, Query(description="Only what is, or is not, on this pod.")] = None,
) -> list[PresetSummary]:
    """The catalogue: curated presets and ComfyUI's official workflows."""
    return await presets.search(q, category, installed)


@router.get("/categories", responses=responses())
async def categories(presets: PresetsService, _session: SignedIn) -> list[Category]:
    """Categories, and how many presets each has."""
    return presets.categories()


@router.post("/update", responses=responses(Forbidden))
async def update(presets: PresetsService, _session: SignedIn) -> UpdateReport:
    """Read the definitions again."""
    return await presets.load()


@router.get("/{preset_id}", responses=responses(NotFound))
async def show(preset_id: str, presets: PresetsService, _session: SignedIn) -> Preset:
    """One preset with its files."""
    return presets.get(preset_id)


@router.get("/{preset_id}/status", responses=responses(NotFound))
async def status(preset_id: str, presets: PresetsService, _session: SignedIn) -> PresetStatus:
    """What of it is on this pod, file by file."""
    return await presets.status(preset_id)


@router.post(
    "/{preset_id}/download", status_code=202, responses=responses(Forbidden, NotFound, Conflict, OutOfSpace)
)
async def download(
    preset_id: str, presets: PresetsService, downloads: DownloadsService, _session: SignedIn
) -> list[TransferView]:
    """Fetch every file that is missing. The transfers, one for each; empty when nothing is missing."""
    return [downloads.view(transfer) for transfer in await presets.download(preset_id)]


@router.delete("/{preset_id}", responses=responses(Forbidden, NotFound, Conflict))
async def remove(preset_id: str, presets: PresetsService, _session: SignedIn) -> list[PresetFile]:
    """Delete its files, except those that another installed preset needs. The files that were deleted."""
    return await presets.remove(preset_id)
