"""The JSON door of downloads."""

from typing import Annotated

from fastapi import Query

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, Forbidden, NotFound, OutOfSpace, Unavailable, UpstreamError
from backend.downloads.dependencies import BandwidthService, BatchesService, DownloadsService
from backend.downloads.models import FileRequest, LogLine
from backend.downloads.policy import Policy, RateLimit
from backend.downloads.schemas import (
    BatchReport,
    BatchRequest,
    DownloadRequest,
    Filter,
    OrderRequest,
    TransferView,
)
from backend.web.errors import responses

router = ProtectedRouter(read=Scope.READ, write=Scope.RUN, prefix="/api/downloads", tags=["downloads"])

CONTROL = responses(Forbidden, NotFound, Conflict, OutOfSpace)


@router.post("", status_code=202, responses=responses(Forbidden, Conflict, OutOfSpace, UpstreamError))
async def start(wanted: DownloadRequest, downloads: DownloadsService) -> TransferView:
    """Fetch one file into a model folder. Asking for the same file again gives the same transfer."""
    return downloads.view(await downloads.request(FileRequest(**wanted.model_dump())))


@router.post("/batch", status_code=202, responses=responses(Forbidden, OutOfSpace, UpstreamError))
async def start_batch(wanted: BatchRequest, batches: BatchesService) -> BatchReport:
    """Fetch a whole repository, folder or version, or some of its files. What is refused stops no other."""
    return await batches.look_and_request(wanted)


@router.get("", responses=responses())
async def show_all(downloads: DownloadsService, wanted: Annotated[Filter, Query()]) -> list[TransferView]:
    """Every unfinished transfer and the newest finished ones, in the order of the queue."""
    views = [downloads.view(transfer) for transfer in await downloads.list()]
    return [view for view in views if wanted.holds(view)]


@router.get("/policy", responses=responses())
async def show_policy(governor: BandwidthService) -> Policy:
    """How many files and connections at once, how fast, and when."""
    return governor.policy


@router.put("/policy", responses=responses(Forbidden, Unavailable))
async def change_policy(policy: Policy, governor: BandwidthService) -> Policy:
    """Takes effect at once, also on what is under way; it is remembered."""
    await governor.change(policy)
    return governor.policy


@router.get("/pace", responses=responses())
async def show_pace(governor: BandwidthService) -> RateLimit:
    """The limit that holds at this moment, and what asks for it."""
    return governor.pace


@router.post("/order", responses=CONTROL)
async def order(wanted: OrderRequest, downloads: DownloadsService) -> list[TransferView]:
    """Fetch these first. What is under way already goes on."""
    await downloads.put_first(wanted.ids)
    return [downloads.view(transfer) for transfer in await downloads.list()]


@router.post("/pause", responses=responses(Forbidden, OutOfSpace))
async def pause_all(downloads: DownloadsService) -> list[TransferView]:
    """Stop everything for now; what has arrived is kept."""
    return [downloads.view(transfer) for transfer in await downloads.pause_all()]


@router.post("/resume", responses=responses(Forbidden, OutOfSpace))
async def resume_all(downloads: DownloadsService) -> list[TransferView]:
    """Go on with everything that is paused."""
    return [downloads.view(transfer) for transfer in await downloads.resume_all()]


@router.post("/retry", responses=responses(Forbidden, OutOfSpace))
async def retry_failed(downloads: DownloadsService) -> list[TransferView]:
    """Try again what failed, and nothing else."""
    return [downloads.view(transfer) for transfer in await downloads.retry_failed()]


@router.post("/clear", status_code=204, responses=responses(Forbidden, OutOfSpace))
async def clear(downloads: DownloadsService) -> None:
    """Forget what is done or cancelled. Files on disk stay."""
    await downloads.clear_history()


@router.get("/{transfer_id}", responses=responses(NotFound))
async def show(transfer_id: str, downloads: DownloadsService) -> TransferView:
    """One transfer as it stands now."""
    return downloads.view(await downloads.get(transfer_id))


@router.post("/{transfer_id}/cancel", responses=CONTROL)
async def cancel(transfer_id: str, downloads: DownloadsService) -> TransferView:
    """Stop for good; nothing of the file stays on disk."""
    return downloads.view(await downloads.cancel(transfer_id))


@router.post("/{transfer_id}/retry", responses=CONTROL)
async def retry(transfer_id: str, downloads: DownloadsService) -> TransferView:
    """Try again; what has arrived is kept."""
    return downloads.view(await downloads.retry(transfer_id))


@router.post("/{transfer_id}/pause", responses=CONTROL)
async def pause(transfer_id: str, downloads: DownloadsService) -> TransferView:
    """Stop for now; what has arrived is kept."""
    return downloads.view(await downloads.pause(transfer_id))


@router.post("/{transfer_id}/resume", responses=CONTROL)
async def resume(transfer_id: str, downloads: DownloadsService) -> TransferView:
    """Go on with a paused transfer."""
    return downloads.view(await downloads.resume(transfer_id))


@router.post("/{transfer_id}/accept", responses=CONTROL)
async def accept(transfer_id: str, downloads: DownloadsService) -> TransferView:
    """Keep bytes that were put aside, although they are not the promised ones."""
    return downloads.view(await downloads.accept(transfer_id))


@router.get("/{transfer_id}/log", responses=responses(NotFound))
async def log(transfer_id: str, downloads: DownloadsService) -> list[LogLine]:
    """What happened to this transfer, oldest first."""
    return list(await downloads.log(transfer_id))
