"""The HTML door of downloads."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response

from backend.auth.access import SignedIn
from backend.core.folders import MODEL_FOLDERS
from backend.downloads.access import DownloadsService
from backend.downloads.models import UNFINISHED, DownloadRequest, Transfer, Wanted
from backend.downloads.service import Downloads
from backend.web import htmx
from backend.web.templating import renderer_of

router = APIRouter(include_in_schema=False)

Action = Literal["cancel", "retry", "pause", "resume"]


@router.get("/downloads")
async def show(request: Request, downloads: DownloadsService, _session: SignedIn) -> Response:
    return await _page(request, downloads)


@router.post("/downloads")
async def start(
    request: Request,
    downloads: DownloadsService,
    _session: SignedIn,
    url: Annotated[str, Form(max_length=4096)],
    folder: Annotated[str, Form(max_length=255)],
    filename: Annotated[str, Form(max_length=255)] = "",
    sha256: Annotated[str, Form(pattern="^([0-9a-fA-F]{64})?$")] = "",
) -> Response:
    wanted = DownloadRequest(url=url, folder=folder, filename=filename or None, sha256=sha256 or None)
    transfer = await downloads.request(Wanted(**wanted.model_dump()))
    response = await _page(request, downloads)
    return htmx.with_toast(response, "success", f"Downloading {transfer.filename}.")


@router.post("/downloads/{transfer_id}/{action}")
async def control(
    transfer_id: str, action: Action, request: Request, downloads: DownloadsService, _session: SignedIn
) -> Response:
    actions: dict[Action, Callable[[str], Awaitable[Transfer]]] = {
        "cancel": downloads.cancel,
        "retry": downloads.retry,
        "pause": downloads.pause,
        "resume": downloads.resume,
    }
    await actions[action](transfer_id)
    return await _page(request, downloads)


async def _page(request: Request, downloads: Downloads) -> Response:
    transfers = [downloads.view(transfer) for transfer in await downloads.list()]
    view = {
        "active": [transfer for transfer in transfers if transfer.state in UNFINISHED],
        "finished": [transfer for transfer in reversed(transfers) if transfer.state not in UNFINISHED],
        "folders": sorted(MODEL_FOLDERS),
    }
    template = "downloads/_transfers.html" if htmx.wants_fragment(request) else "downloads/page.html"
    return renderer_of(request).page(request, template, view)
