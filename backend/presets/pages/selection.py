"""HTML routes for the presets that a user has selected in the catalogue."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.presets.dependencies import PresetsService
from backend.presets.selection import Selection, SelectionReport
from backend.web import htmx
from backend.web.features import provided
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

MAX_IDS = 500
PresetIds = Annotated[Sequence[str], Query(alias="id", max_length=MAX_IDS)]
SelectionService = Annotated[Selection, Depends(provided(Selection))]


@router.get("/presets/selection")
async def show(
    request: Request, _loaded: PresetsService, selection: SelectionService, ids: PresetIds = ()
) -> Response:
    view = {"selection": await selection.summary(ids)}
    return renderer_of(request).page(request, "presets/_selection.html", view)


@router.post("/presets/selection")
async def download(
    _loaded: PresetsService,
    selection: SelectionService,
    ids: Annotated[list[str], Form(alias="id", max_length=MAX_IDS)],
    allow_pickle: Annotated[bool, Form()] = False,
) -> Response:
    report = await selection.download(ids, allow_pickle=allow_pickle)
    response = htmx.with_event(Response(status_code=204), "presets-requested")
    return htmx.with_toast(response, "error" if report.refused else "success", _result(report))


def _result(report: SelectionReport) -> str:
    """Return `Downloading 3 files. Not started: FLUX.1: Not enough disk space…`"""
    count = len(report.transfers)
    text = f"Downloading {count} {'file' if count == 1 else 'files'}."
    return f"{text} Not started: {' '.join(report.refused)}" if report.refused else text
