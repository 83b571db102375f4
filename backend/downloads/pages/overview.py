"""The HTML door of downloads: the page with its live part, and the log of one transfer."""

from collections import Counter
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.downloads.dependencies import BandwidthService, DownloadsService
from backend.downloads.models import UNFINISHED, State
from backend.downloads.rate_limit_form import rate_limit_view
from backend.downloads.schemas import Filter, TransferView
from backend.downloads.service import Downloads
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

SHOWN = 100

Outcome = Literal["", "done", "failed", "quarantined", "cancelled"]


@router.get("/downloads")
async def show(
    request: Request,
    downloads: DownloadsService,
    governor: BandwidthService,
    state: Outcome = "",
    q: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    lists = await _lists(downloads, state, q) | {"holds": governor.pace}
    if htmx.wants_fragment(request):
        return renderer_of(request).page(request, "downloads/_transfers.html", lists)
    return renderer_of(request).page(request, "downloads/page.html", lists | rate_limit_view(governor.policy))


@router.get("/downloads/stopped")
async def show_stopped(request: Request, downloads: DownloadsService) -> Response:
    view = {"leftovers": await downloads.room.leftovers()}
    return renderer_of(request).page(request, "downloads/_stopped.html", view)


@router.get("/downloads/{transfer_id}/log")
async def show_log(transfer_id: str, request: Request, downloads: DownloadsService) -> Response:
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
