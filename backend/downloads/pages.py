"""The HTML door of downloads: the page with its live part, and the log of one transfer."""

from collections import Counter
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from backend.auth.access import SignedIn
from backend.core.errors import Conflict, OutOfSpace
from backend.core.folders import MODEL_FOLDERS
from backend.downloads.access import DownloadsGovernor, DownloadsService
from backend.downloads.models import UNFINISHED, DownloadRequest, Filter, State, TransferView, Wanted
from backend.downloads.pace import pace_view
from backend.downloads.service import Downloads
from backend.web import htmx
from backend.web.templating import renderer_of

router = APIRouter(include_in_schema=False)

SHOWN = 100

Outcome = Literal["", "done", "failed", "quarantined", "cancelled"]


class FileForm(BaseModel):
    """One file to fetch; what was left empty comes as empty text."""

    url: str = Field(max_length=4096)
    folder: str = Field(max_length=255)
    filename: str = Field(default="", max_length=255)
    sha256: str = Field(default="", pattern="^([0-9a-fA-F]{64})?$")
    allow_pickle: bool = False

    def wanted(self) -> Wanted:
        given = {name: value for name, value in self if value}
        return Wanted(**DownloadRequest(**given).model_dump())


@router.get("/downloads")
async def show(
    request: Request,
    downloads: DownloadsService,
    governor: DownloadsGovernor,
    _session: SignedIn,
    state: Outcome = "",
    q: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    lists = await _lists(downloads, state, q)
    if htmx.wants_fragment(request):
        return renderer_of(request).page(request, "downloads/_transfers.html", lists)
    view = {"folders": sorted(MODEL_FOLDERS), **pace_view(governor.policy)}
    return renderer_of(request).page(request, "downloads/page.html", lists | view)


@router.post("/downloads")
async def start(
    wanted: Annotated[FileForm, Form()], request: Request, downloads: DownloadsService, _session: SignedIn
) -> Response:
    """What the form is answered with: nothing when all is well, else what a person has to decide."""
    render = partial(renderer_of(request).page, request)
    try:
        transfer = await downloads.request(wanted.wanted())
    except OutOfSpace as error:
        view = {"error": error, "leftovers": await downloads.room.leftovers()}
        return render("downloads/_no_room.html", view, status=error.status)
    except Conflict as error:
        if error.error_code != "pickle_unconfirmed":
            raise
        return render(
            "downloads/_confirm_pickle.html", {"error": error, "wanted": wanted}, status=error.status
        )
    response = htmx.with_toast(HTMLResponse(""), "success", f"Downloading {transfer.filename}.")
    return htmx.with_event(response, "transfers-changed")


@router.get("/downloads/{transfer_id}/log")
async def show_log(
    transfer_id: str, request: Request, downloads: DownloadsService, _session: SignedIn
) -> Response:
    transfer = await downloads.get(transfer_id)
    view = {
        "transfer": transfer,
        "lines": await downloads.log(transfer_id),
        "grows": transfer.state in UNFINISHED,
    }
    return renderer_of(request).page(request, "downloads/_log.html", view)


async def _lists(downloads: Downloads, state: Outcome, q: str) -> dict[str, Any]:
    """What is under way in the order of the queue, and what is finished as far as it was asked for, newest first."""
    views = [downloads.view(transfer) for transfer in await downloads.list()]
    active = [view for view in views if view.state in UNFINISHED]
    finished = [view for view in views if view.state not in UNFINISHED]
    wanted = Filter(state={State(state)} if state else set(), q=q)
    found = sorted(filter(wanted.holds, finished), key=_end, reverse=True)
    return {
        "active": active,
        "states": Counter(view.state.value for view in views),
        "next": next((view.id for view in active if view.state == State.QUEUED), None),
        "finished": len(finished),
        "found": len(found),
        "shown": found[:SHOWN],
        "state": state,
        "q": q,
        "disk": await downloads.room.outlook(),
    }


def _end(view: TransferView) -> Any:
    return view.finished_at or view.created_at
