"""HTML routes of downloads: the page with its live part, and the log of one transfer."""

from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.downloads.dependencies import BandwidthService, DownloadsService
from backend.downloads.models import FINISHED, UNFINISHED, State
from backend.downloads.rate_limit_form import rate_limit_view
from backend.downloads.service import Downloads
from backend.downloads.store import Matching
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

MAX_FINISHED = 100

Outcome = Literal["", "done", "failed", "quarantined", "cancelled"]


@router.get("/downloads")
async def show(
    request: Request,
    downloads: DownloadsService,
    bandwidth: BandwidthService,
    state: Outcome = "",
    q: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    lists = await _lists(downloads, state, q) | {"limit_now": bandwidth.rate_limit}
    if htmx.wants_fragment(request):
        return renderer_of(request).page(request, "downloads/_transfers.html", lists)
    view = lists | rate_limit_view(bandwidth.policy)
    return renderer_of(request).page(request, "downloads/page.html", view)


@router.get("/downloads/stopped")
async def show_stopped(request: Request, downloads: DownloadsService) -> Response:
    view = {"freeable": await downloads.space.freeable()}
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
    """Return unfinished transfers in the order of the queue, and the newest finished ones that match."""
    unfinished = [downloads.view(transfer) for transfer in await downloads.unfinished()]
    matching = Matching(states=frozenset({State(state)}) if state else FINISHED, q=q)
    finished = [downloads.view(transfer) for transfer in await downloads.finished(matching, MAX_FINISHED)]
    counts = await downloads.counts()
    return {
        "active": unfinished,
        "states": {each.value: counts.get(each, 0) for each in State},
        "next": next((view.id for view in unfinished if view.state == State.QUEUED), None),
        "finished": sum(counts.get(each, 0) for each in FINISHED),
        "found": await downloads.count(matching),
        "shown": finished,
        "state": state,
        "q": q,
        "disk": await downloads.space.forecast(),
    }
