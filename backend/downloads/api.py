"""The JSON door of downloads."""

from fastapi import APIRouter

from backend.auth.access import SignedIn
from backend.core.errors import Conflict, Forbidden, NotFound, OutOfSpace, UpstreamError
from backend.downloads.access import DownloadsService
from backend.downloads.models import DownloadRequest, TransferView, Wanted
from backend.web.errors import responses

router = APIRouter(prefix="/api/downloads", tags=["downloads"])

CONTROL = responses(Forbidden, NotFound, Conflict)


@router.post("", status_code=202, responses=responses(Forbidden, Conflict, OutOfSpace, UpstreamError))
async def start(wanted: DownloadRequest, downloads: DownloadsService, _session: SignedIn) -> TransferView:
    """Fetch one file into a model folder. Asking for the same file again gives the same transfer."""
    return downloads.view(await downloads.request(Wanted(**wanted.model_dump())))


@router.get("", responses=responses())
async def show_all(downloads: DownloadsService, _session: SignedIn) -> list[TransferView]:
    """Every unfinished transfer and the newest finished ones, oldest first."""
    return [downloads.view(transfer) for transfer in await downloads.list()]


@router.get("/{transfer_id}", responses=responses(NotFound))
async def show(transfer_id: str, downloads: DownloadsService, _session: SignedIn) -> TransferView:
    """One transfer as it stands now."""
    return downloads.view(await downloads.get(transfer_id))


@router.post("/{transfer_id}/cancel", responses=CONTROL)
async def cancel(transfer_id: str, downloads: DownloadsService, _session: SignedIn) -> TransferView:
    """Stop for good; nothing of the file stays on disk."""
    return downloads.view(await downloads.cancel(transfer_id))


@router.post("/{transfer_id}/retry", responses=CONTROL)
async def retry(transfer_id: str, downloads: DownloadsService, _session: SignedIn) -> TransferView:
    """Try again; what has arrived is kept."""
    return downloads.view(await downloads.retry(transfer_id))


@router.post("/{transfer_id}/pause", responses=CONTROL)
async def pause(transfer_id: str, downloads: DownloadsService, _session: SignedIn) -> TransferView:
    """Stop for now; what has arrived is kept."""
    return downloads.view(await downloads.pause(transfer_id))


@router.post("/{transfer_id}/resume", responses=CONTROL)
async def resume(transfer_id: str, downloads: DownloadsService, _session: SignedIn) -> TransferView:
    """Go on with a paused transfer."""
    return downloads.view(await downloads.resume(transfer_id))
