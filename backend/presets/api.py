"""The JSON door of presets."""

from typing import Annotated

from fastapi import Query, Request

from backend.auth.principal import Scope
from backend.auth.routing import UPLOAD_BODY, ProtectedRouter
from backend.core.errors import Conflict, Forbidden, NotFound, OutOfSpace, Unavailable, UpstreamError
from backend.downloads.dependencies import DownloadsService
from backend.downloads.schemas import TransferView
from backend.presets.dependencies import (
    PRESET_BODY,
    WORKFLOW_BODY,
    AllowPickle,
    PresetsService,
    Replace,
    RequirementsService,
    SentWorkflow,
    SharingService,
)
from backend.presets.models import Preset, PresetFile
from backend.presets.schemas import (
    Category,
    ExportReport,
    ExportRequest,
    FetchReport,
    PresetStatus,
    PresetSummary,
    UpdateReport,
    WorkflowRequirements,
)
from backend.web.errors import responses

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, max_body=UPLOAD_BODY, prefix="/api/presets", tags=["presets"]
)


@router.get("", responses=responses())
async def search(
    presets: PresetsService,
    q: Annotated[str, Query(max_length=200, description="Words that all must occur.")] = "",
    category: Annotated[str | None, Query(max_length=80)] = None,
    installed: Annotated[bool | None, Query(description="Only what is, or is not, on this pod.")] = None,
) -> list[PresetSummary]:
    """The catalogue: curated presets and ComfyUI's official workflows."""
    return await presets.search(q, category, installed)


@router.get("/categories", responses=responses())
async def categories(presets: PresetsService) -> list[Category]:
    """Categories, and how many presets each has."""
    return presets.catalogue.categories()


@router.post("/update", responses=responses(Forbidden))
async def update(presets: PresetsService) -> UpdateReport:
    """Read the definitions again."""
    return await presets.catalogue.load()


@router.post("/from-workflow", responses=responses(Forbidden), openapi_extra=WORKFLOW_BODY)
async def from_workflow(workflow: SentWorkflow, needs: RequirementsService) -> WorkflowRequirements:
    """What a ComfyUI workflow needs, what of it is here, and from where the rest can be fetched."""
    return await needs.of(workflow)


@router.post(
    "/from-workflow/download",
    status_code=202,
    responses=responses(Forbidden, Conflict, OutOfSpace),
    openapi_extra=WORKFLOW_BODY,
)
async def fetch_for_workflow(
    workflow: SentWorkflow, needs: RequirementsService, allow_pickle: AllowPickle = False
) -> FetchReport:
    """Fetch everything that the workflow lacks and that can be had. Send the same body once more."""
    return await needs.fetch(workflow, allow_pickle=allow_pickle)


@router.post("/export", responses=responses(Forbidden))
async def export(wanted: ExportRequest, sharing: SharingService) -> ExportReport:
    """What is on this pod as a preset, each file pinned to its hash. Reading large files takes several calls."""
    return await sharing.export(wanted)


@router.post(
    "/import",
    status_code=201,
    responses=responses(Forbidden, Conflict, Unavailable, UpstreamError),
    openapi_extra=PRESET_BODY,
)
async def add(
    request: Request,
    sharing: SharingService,
    url: Annotated[str | None, Query(max_length=4096, description="Fetch it from here instead.")] = None,
) -> Preset:
    """Add a preset from a file or from an address."""
    return await (sharing.add_from(url) if url else sharing.add(await request.body()))


@router.get("/{preset_id}", responses=responses(NotFound))
async def show(preset_id: str, presets: PresetsService) -> Preset:
    """One preset with its files."""
    return presets.catalogue.get(preset_id)


@router.get("/{preset_id}/status", responses=responses(NotFound))
async def status(
    preset_id: str,
    presets: PresetsService,
    ask: Annotated[bool, Query(description="Ask the hub for sizes that are not known yet.")] = False,
) -> PresetStatus:
    """What of it is on this pod, file by file, and whether the rest fits on the disk."""
    return await presets.status(preset_id, ask=ask)


@router.post(
    "/{preset_id}/download", status_code=202, responses=responses(Forbidden, NotFound, Conflict, OutOfSpace)
)
async def download(
    preset_id: str,
    presets: PresetsService,
    downloads: DownloadsService,
    allow_pickle: AllowPickle = False,
    replace: Replace = False,
) -> list[TransferView]:
    """Fetch every file that is missing. The transfers, one for each; empty when nothing is missing."""
    transfers = await presets.download(preset_id, allow_pickle=allow_pickle, replace=replace)
    return [downloads.view(transfer) for transfer in transfers]


@router.post("/{preset_id}/cancel", responses=responses(Forbidden, NotFound, Conflict))
async def cancel(preset_id: str, presets: PresetsService, downloads: DownloadsService) -> list[TransferView]:
    """Stop what is under way for it. Files that are here stay."""
    return [downloads.view(transfer) for transfer in await presets.cancel(preset_id)]


@router.delete("/{preset_id}/definition", status_code=204, responses=responses(Forbidden, NotFound, Conflict))
async def forget(preset_id: str, sharing: SharingService) -> None:
    """Take a preset that was added off the list. Its files stay."""
    await sharing.remove(preset_id)


@router.delete("/{preset_id}", responses=responses(Forbidden, NotFound, Conflict))
async def remove(preset_id: str, presets: PresetsService) -> list[PresetFile]:
    """Stop what is under way and delete its files, except those that another preset has a use for and those that are
    other files of the same name. The files that were deleted."""
    return await presets.remove(preset_id)
