"""HTML routes of downloads: the page with its live part, and the log of one transfer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core import clock
from backend.downloads.dependencies import (
    BandwidthService,
    DownloadsService,
    PresetTitles,
    ThroughputService,
    TitlesOfPresets,
)
from backend.downloads.models import UNFINISHED, State
from backend.downloads.rate_limit_form import rate_limit_view
from backend.downloads.schemas import TransferView
from backend.downloads.service import Downloads
from backend.downloads.store import TransferFilter
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

# Rows of the history; more are added as the user scrolls.
SHOWN = 40
MAX_SHOWN = 5000
MAX_STOPPED = 200

Outcome = Literal["", "done", "cancelled"]
Age = Literal["", "1", "7", "30"]
HISTORY = frozenset({State.DONE, State.CANCELLED})
STOPPED = frozenset({State.FAILED, State.QUARANTINED})


class HistoryForm(BaseModel):
    """The filters of finished downloads."""

    state: Outcome = ""
    q: str = Field(default="", max_length=200)
    # Ended within so many days.
    days: Age = ""
    # How many are on the page; it grows as the user scrolls.
    shown: int = Field(default=SHOWN, ge=1, le=MAX_SHOWN)

    def matching(self) -> TransferFilter:
        since = clock.now() - timedelta(days=int(self.days)) if self.days else None
        states = frozenset({State(self.state)}) if self.state else HISTORY
        return TransferFilter(states=states, q=self.q, since=since)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Transfers that follow each other in the queue and belong to one preset, or to none."""

    preset: str | None
    title: str
    transfers: Sequence[TransferView]

    @property
    def received(self) -> int:
        return sum(transfer.received for transfer in self.transfers)

    @property
    def bytes(self) -> int | None:
        sizes = [transfer.bytes for transfer in self.transfers]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def ids(self) -> list[str]:
        return [transfer.id for transfer in self.transfers]


@router.get("/downloads")
async def show(
    request: Request,
    downloads: DownloadsService,
    bandwidth: BandwidthService,
    titles: TitlesOfPresets,
    throughput: ThroughputService,
    form: Annotated[HistoryForm, Query()],
) -> Response:
    lists = await _lists(downloads, titles, form) | {"limit_now": bandwidth.rate_limit}
    if htmx.wants_fragment(request):
        return renderer_of(request).page(request, "downloads/_transfers.html", lists)
    view = lists | rate_limit_view(bandwidth.policy) | {"speeds": throughput.values()}
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


async def _lists(downloads: Downloads, titles: PresetTitles, form: HistoryForm) -> dict[str, Any]:
    """Return what needs a user, what runs or will run, and the newest finished transfers that match."""
    unfinished = [downloads.view(transfer) for transfer in await downloads.unfinished()]
    stopped = await downloads.finished(TransferFilter(states=STOPPED), MAX_STOPPED)
    matching = form.matching()
    history = await downloads.finished(matching, form.shown)
    counts = await downloads.counts()
    active = [view for view in unfinished if not _needs_user(view)]
    needs_user = [view for view in unfinished if _needs_user(view)]
    needs_user += [downloads.view(transfer) for transfer in stopped]
    return {
        "form": form,
        "needs_user": needs_user,
        "needs_count": len(needs_user) + max(0, sum(counts.get(each, 0) for each in STOPPED) - len(stopped)),
        "groups": _grouped(active, titles),
        "active": len(active),
        "states": {each.value: counts.get(each, 0) for each in State},
        "next": next((view.id for view in active if view.state == State.QUEUED), None),
        "finished": sum(counts.get(each, 0) for each in HISTORY),
        "found": await downloads.count(matching),
        "history": [downloads.view(transfer) for transfer in history],
        "more": form.shown + SHOWN,
        "title_of": titles.of,
        "disk": await downloads.space.forecast(),
    }


def _needs_user(view: TransferView) -> bool:
    """Return whether an unfinished transfer waits for a decision: the control plane has paused it."""
    return view.state == State.PAUSED and view.problem is not None


def _grouped(views: Sequence[TransferView], titles: PresetTitles) -> list[Group]:
    groups = ((preset, list(found)) for preset, found in groupby(views, key=lambda view: view.preset))
    return [
        Group(preset=preset, title=titles.of(preset) if preset else "", transfers=found)
        for preset, found in groups
    ]
