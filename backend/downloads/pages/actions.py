"""HTML routes of the buttons. They trigger an event, upon which the page reloads the part that it shows."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Form, Query, Request, Response
from pydantic import ValidationError

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import InvalidRequest
from backend.downloads.cancellations import UNDO_SECONDS
from backend.downloads.dependencies import (
    BandwidthService,
    CancellationsService,
    DownloadsService,
    OrderingService,
)
from backend.downloads.models import Transfer
from backend.downloads.rate_limit_form import RateLimitForm, hints, rate_limit_view
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

ForAll = Literal["pause", "resume", "retry", "clear"]
# `discard` deletes what was received at once.
ForOne = Literal["first", "pause", "resume", "retry", "accept", "discard"]
Neighbour = Annotated[str, Form(max_length=64)]
MAX_IDS = 1000
Ids = Annotated[list[str], Query(alias="id", max_length=MAX_IDS)]


@router.post("/downloads/limits")
async def change_limits(
    form: Annotated[RateLimitForm, Form()], request: Request, bandwidth: BandwidthService
) -> Response:
    """Return the form: with its saved values, or as it was typed with a message at each mistake."""
    render = partial(renderer_of(request).page, request, "downloads/_limits.html")
    try:
        await bandwidth.change(form.policy())
    except ValidationError as error:
        if not htmx.is_htmx(request):
            raise InvalidRequest("Not saved: a field has an invalid value.") from None
        return htmx.with_swap(
            render(rate_limit_view(bandwidth.policy, form, hints(error)), status=400), "outerMorph"
        )
    return htmx.with_toast(
        render(rate_limit_view(bandwidth.policy)), "success", "Saved. The new limits apply now."
    )


@router.post("/downloads/undo-cancel")
async def undo_cancel(cancellations: CancellationsService, ids: Ids) -> Response:
    for transfer_id in ids:
        await cancellations.undo(transfer_id)
    return _changed()


@router.post("/downloads/first")
async def put_first(downloads: DownloadsService, ids: Ids) -> Response:
    """Put the files of a preset before all others."""
    await downloads.put_first(ids)
    return _changed()


@router.post("/downloads/{action}")
async def control_all(action: ForAll, downloads: DownloadsService) -> Response:
    actions: dict[ForAll, Callable[[], Awaitable[object]]] = {
        "pause": downloads.pause_all,
        "resume": downloads.resume_all,
        "retry": downloads.retry_failed,
        "clear": downloads.clear_history,
    }
    await actions[action]()
    return _changed()


@router.post("/downloads/{transfer_id}/cancel")
async def cancel(transfer_id: str, cancellations: CancellationsService) -> Response:
    """Cancel, and offer to undo it."""
    cancelled = await cancellations.cancel(transfer_id, UNDO_SECONDS)
    return with_undo(_changed(), [cancelled])


@router.post("/downloads/{transfer_id}/place")
async def place(
    transfer_id: str, ordering: OrderingService, before: Neighbour = "", after: Neighbour = ""
) -> Response:
    """Put a transfer just before or just after another one."""
    if before:
        await ordering.place_before([transfer_id], before)
    else:
        await ordering.place_after([transfer_id], after)
    return _changed()


@router.post("/downloads/{transfer_id}/{action}")
async def control_one(
    transfer_id: str, action: ForOne, downloads: DownloadsService, cancellations: CancellationsService
) -> Response:
    actions: dict[ForOne, Callable[[str], Awaitable[object]]] = {
        "first": lambda key: downloads.put_first([key]),
        "pause": downloads.pause,
        "resume": downloads.resume,
        "retry": downloads.retry,
        "accept": downloads.accept,
        "discard": cancellations.cancel,
    }
    await actions[action](transfer_id)
    return _changed()


def with_undo(response: Response, cancelled: Sequence[Transfer]) -> Response:
    """Show a toast that names what was cancelled and can undo it."""
    names = ", ".join(transfer.filename for transfer in cancelled)
    query = urlencode([("id", transfer.id) for transfer in cancelled])
    undo = htmx.ToastAction(label="Undo", url=f"/downloads/undo-cancel?{query}", seconds=UNDO_SECONDS)
    return htmx.with_toast(response, "info", f"Cancelled: {names}.", undo)


def _changed() -> Response:
    return htmx.with_event(Response(status_code=204), "transfers-changed")
