"""JSON routes of downloads."""

from typing import Annotated

from fastapi import Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, Forbidden, NotFound, OutOfSpace, Unavailable, UpstreamError
from backend.downloads.dependencies import (
    BandwidthService,
    BatchesService,
    CancellationsService,
    DownloadsService,
    OrderingService,
    TransferLists,
)
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
from backend.web.paging import Cursor, Limit

router = ProtectedRouter(read=Scope.READ, write=Scope.RUN, prefix="/api/downloads", tags=["downloads"])

CONTROL = responses(Forbidden, NotFound, Conflict, OutOfSpace)


@router.post("", status_code=202, responses=responses(Forbidden, Conflict, OutOfSpace, UpstreamError))
async def start(request: DownloadRequest, downloads: DownloadsService) -> TransferView:
    """Download one file into a model folder. The same request again returns the same transfer."""
    return downloads.view(await downloads.request(FileRequest(**request.model_dump())))


@router.post("/batch", status_code=202, responses=responses(Forbidden, OutOfSpace, UpstreamError))
async def start_batch(request: BatchRequest, batches: BatchesService) -> BatchReport:
    """Download a whole repository, folder or version, or some of its files. A refused file does not stop the others."""
    return await batches.request_url(request)


@router.get("", responses=responses())
async def show_all(
    request: Request,
    response: Response,
    downloads: DownloadsService,
    transfers: TransferLists,
    filters: Annotated[Filter, Query()],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> list[TransferView]:
    """List unfinished transfers in the order of the queue, then finished ones, the newest first."""
    page = await transfers.page(filters, limit, cursor)
    response.headers.update(page.headers(request))
    return [downloads.view(transfer) for transfer in page.items]


@router.get("/policy", responses=responses())
async def show_policy(bandwidth: BandwidthService) -> Policy:
    """Return how many files and connections are used at once, the rate limit and its schedule."""
    return bandwidth.policy


@router.put("/policy", responses=responses(Forbidden, Unavailable))
async def change_policy(policy: Policy, bandwidth: BandwidthService) -> Policy:
    """Change and save the policy. It applies at once, also to running downloads."""
    await bandwidth.change(policy)
    return bandwidth.policy


@router.get("/rate-limit", responses=responses())
async def show_rate_limit(bandwidth: BandwidthService) -> RateLimit:
    """Return the rate limit that applies now, and where it comes from."""
    return bandwidth.rate_limit


@router.post("/order", responses=CONTROL)
async def order(
    request: OrderRequest, downloads: DownloadsService, ordering: OrderingService
) -> list[TransferView]:
    """Start these transfers first, or before another one. Running ones continue. Returns the queue in its new order."""
    if request.before:
        await ordering.place_before(request.ids, request.before)
    else:
        await downloads.put_first(request.ids)
    return [downloads.view(transfer) for transfer in await downloads.unfinished()]


@router.post("/pause", responses=responses(Forbidden, OutOfSpace))
async def pause_all(downloads: DownloadsService) -> list[TransferView]:
    """Pause all active transfers. Received bytes are kept."""
    return [downloads.view(transfer) for transfer in await downloads.pause_all()]


@router.post("/resume", responses=responses(Forbidden, OutOfSpace))
async def resume_all(downloads: DownloadsService) -> list[TransferView]:
    """Resume all paused transfers."""
    return [downloads.view(transfer) for transfer in await downloads.resume_all()]


@router.post("/retry", responses=responses(Forbidden, OutOfSpace))
async def retry_failed(downloads: DownloadsService) -> list[TransferView]:
    """Retry all failed transfers, and no others."""
    return [downloads.view(transfer) for transfer in await downloads.retry_failed()]


@router.post("/clear", status_code=204, responses=responses(Forbidden, OutOfSpace))
async def clear(downloads: DownloadsService) -> None:
    """Remove done and cancelled transfers from the history. Files on disk stay."""
    await downloads.clear_history()


@router.get("/{transfer_id}", responses=responses(NotFound))
async def show(transfer_id: str, downloads: DownloadsService) -> TransferView:
    """Return one transfer."""
    return downloads.view(await downloads.get(transfer_id))


@router.post("/{transfer_id}/cancel", responses=CONTROL)
async def cancel(
    transfer_id: str,
    downloads: DownloadsService,
    cancellations: CancellationsService,
    keep_seconds: Annotated[
        float, Query(ge=0, le=300, description="How long what was received is kept, for `undo-cancel`.")
    ] = 0,
) -> TransferView:
    """Stop a transfer for good and delete what it has received."""
    return downloads.view(await cancellations.cancel(transfer_id, keep_seconds))


@router.post("/{transfer_id}/undo-cancel", responses=CONTROL)
async def undo_cancel(
    transfer_id: str, downloads: DownloadsService, cancellations: CancellationsService
) -> TransferView:
    """Continue a transfer that was cancelled with `keep_seconds`, while what it has received is kept."""
    return downloads.view(await cancellations.undo(transfer_id))


@router.post("/{transfer_id}/retry", responses=CONTROL)
async def retry(transfer_id: str, downloads: DownloadsService) -> TransferView:
    """Retry a transfer. Received bytes are kept."""
    return downloads.view(await downloads.retry(transfer_id))


@router.post("/{transfer_id}/pause", responses=CONTROL)
async def pause(transfer_id: str, downloads: DownloadsService) -> TransferView:
    """Pause a transfer. Received bytes are kept."""
    return downloads.view(await downloads.pause(transfer_id))


@router.post("/{transfer_id}/resume", responses=CONTROL)
async def resume(transfer_id: str, downloads: DownloadsService) -> TransferView:
    """Resume a paused transfer."""
    return downloads.view(await downloads.resume(transfer_id))


@router.post("/{transfer_id}/accept", responses=CONTROL)
async def accept(transfer_id: str, downloads: DownloadsService) -> TransferView:
    """Keep a quarantined file although its content is not the expected one."""
    return downloads.view(await downloads.accept(transfer_id))


@router.get("/{transfer_id}/log", responses=responses(NotFound))
async def log(transfer_id: str, downloads: DownloadsService) -> list[LogLine]:
    """Return what happened to a transfer, oldest first."""
    return list(await downloads.log(transfer_id))
