"""JSON routes of presets."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import TypeAdapter

from backend.auth.principal import Scope
from backend.auth.routing import UPLOAD_BODY, ProtectedRouter
from backend.core.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    OutOfSpace,
    Unavailable,
    UpstreamError,
)
from backend.downloads.dependencies import DownloadsService
from backend.downloads.schemas import TransferView
from backend.presets.dependencies import (
    PRESET_BODY,
    WORKFLOW_BODY,
    AllowPickle,
    FilePath,
    KeptPath,
    PresetListService,
    PresetsService,
    RepairsService,
    Replace,
    RequirementsService,
    SentWorkflow,
    SharingService,
)
from backend.presets.listing import Filters, Order
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
from backend.web.caching import NOT_MODIFIED, Body, Responses
from backend.web.errors import responses
from backend.web.paging import Paging, page_of

SUMMARIES = TypeAdapter(list[PresetSummary])

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, max_body=UPLOAD_BODY, prefix="/api/presets", tags=["presets"]
)


def _filters(
    q: Annotated[str, Query(max_length=200, description="Words that must all occur.")] = "",
    category: Annotated[str | None, Query(max_length=80)] = None,
    family: Annotated[str | None, Query(max_length=80, description="Model family, such as `FLUX`.")] = None,
    order: Order = "recommended",
    installed: Annotated[
        bool | None, Query(description="Only presets that are, or are not, installed.")
    ] = None,
) -> Filters:
    return Filters(q=q, category=category, family=family, installed=installed, order=order)


@router.get("", responses={**responses(InvalidRequest), **NOT_MODIFIED}, response_model=list[PresetSummary])
async def search(
    request: Request,
    presets: PresetListService,
    cache: Responses,
    filters: Annotated[Filters, Depends(_filters)],
    paging: Paging,
) -> Response:
    """List the catalogue a page at a time: curated and imported presets, and ComfyUI's official workflows."""

    async def build() -> Body:
        page = page_of(await presets.search(filters), presets.key_of(filters), paging.limit, paging.cursor)
        return Body(SUMMARIES.dump_json(list(page.items)), page.headers(request))

    return await cache.json(request, await presets.revision(), build)


@router.get("/categories", responses=responses())
async def categories(presets: PresetsService) -> list[Category]:
    """List the categories with the number of presets in each."""
    return presets.catalogue.categories()


@router.post("/update", responses=responses(Forbidden))
async def update(presets: PresetsService) -> UpdateReport:
    """Read all definitions again."""
    return await presets.catalogue.load()


@router.post("/from-workflow", responses=responses(Forbidden), openapi_extra=WORKFLOW_BODY)
async def from_workflow(workflow: SentWorkflow, requirements: RequirementsService) -> WorkflowRequirements:
    """List the files and nodes that a ComfyUI workflow needs, and where the missing ones are available."""
    return await requirements.of(workflow)


@router.post(
    "/from-workflow/download",
    status_code=202,
    responses=responses(Forbidden, Conflict, OutOfSpace),
    openapi_extra=WORKFLOW_BODY,
)
async def fetch_for_workflow(
    workflow: SentWorkflow, requirements: RequirementsService, allow_pickle: AllowPickle = False
) -> FetchReport:
    """Download every available file that the workflow lacks. The body is the workflow again."""
    return await requirements.fetch(workflow, allow_pickle=allow_pickle)


@router.post("/export", responses=responses(Forbidden))
async def export(request: ExportRequest, sharing: SharingService) -> ExportReport:
    """Describe the models of this pod as a preset, each file pinned to its hash. Hashing large files takes several calls."""
    return await sharing.export(request)


@router.post(
    "/import",
    status_code=201,
    responses=responses(Forbidden, Conflict, Unavailable, UpstreamError),
    openapi_extra=PRESET_BODY,
)
async def add(
    request: Request,
    sharing: SharingService,
    url: Annotated[
        str | None, Query(max_length=4096, description="Read the definition from this URL instead.")
    ] = None,
) -> Preset:
    """Add a preset from a definition or from a URL."""
    return await (sharing.add_from(url) if url else sharing.add(await request.body()))


@router.get("/{preset_id}", responses=responses(NotFound))
async def show(preset_id: str, presets: PresetsService) -> Preset:
    """Show a preset with its files."""
    return presets.catalogue.get(preset_id)


@router.get("/{preset_id}/status", responses=responses(NotFound))
async def status(
    preset_id: str,
    presets: PresetsService,
    ask: Annotated[bool, Query(description="Ask hubs for sizes that are unknown.")] = False,
) -> PresetStatus:
    """Show which files of the preset are installed, and whether the others fit on the disk."""
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
    """Download every missing file. Returns one transfer for each; none when no file is missing."""
    transfers = await presets.download(preset_id, allow_pickle=allow_pickle, replace=replace)
    return [downloads.view(transfer) for transfer in transfers]


@router.post("/{preset_id}/verify", status_code=202, responses=responses(Forbidden, NotFound, Conflict))
async def verify(
    preset_id: str, presets: PresetsService, repairs: RepairsService, file: KeptPath = None
) -> PresetStatus:
    """Read installed files again in the background and compare their hashes. The status shows the progress."""
    await repairs.verify(preset_id, file)
    return await presets.status(preset_id)


@router.post(
    "/{preset_id}/repair",
    status_code=202,
    responses=responses(Forbidden, NotFound, Conflict, OutOfSpace, UpstreamError),
)
async def repair(
    preset_id: str,
    repairs: RepairsService,
    downloads: DownloadsService,
    file: FilePath,
    allow_pickle: AllowPickle = False,
) -> TransferView:
    """Download what a truncated file lacks, or a damaged file again; the damaged one is renamed."""
    return downloads.view(await repairs.repair(preset_id, file, allow_pickle=allow_pickle))


@router.post("/{preset_id}/keep", responses=responses(Forbidden, NotFound, Conflict, Unavailable))
async def keep(preset_id: str, presets: PresetsService, file: KeptPath = None) -> PresetStatus:
    """Keep a different file that has the name of one of the preset's files. It counts as installed while it is unchanged."""
    await presets.keep(preset_id, file)
    return await presets.status(preset_id)


@router.delete("/{preset_id}/keep", responses=responses(Forbidden, NotFound, Conflict, Unavailable))
async def undo_keep(preset_id: str, presets: PresetsService, file: KeptPath = None) -> PresetStatus:
    """Forget the decision to keep a different file. The file stays."""
    await presets.undo_keep(preset_id, file)
    return await presets.status(preset_id)


@router.post("/{preset_id}/cancel", responses=responses(Forbidden, NotFound, Conflict))
async def cancel(preset_id: str, presets: PresetsService, downloads: DownloadsService) -> list[TransferView]:
    """Cancel the downloads that this preset started. Installed files stay."""
    return [downloads.view(transfer) for transfer in await presets.cancel(preset_id)]


@router.delete("/{preset_id}/definition", status_code=204, responses=responses(Forbidden, NotFound, Conflict))
async def forget(preset_id: str, sharing: SharingService) -> None:
    """Remove the definition of an imported preset. Its files stay."""
    await sharing.remove(preset_id)


@router.delete("/{preset_id}", responses=responses(Forbidden, NotFound, Conflict))
async def remove(preset_id: str, presets: PresetsService) -> list[PresetFile]:
    """Cancel the preset's downloads and delete its files. Returns the deleted files.

    Files that another preset needs stay, and so do different files of the same name.
    """
    return await presets.remove(preset_id)
