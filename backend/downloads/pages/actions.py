"""HTML routes of the buttons. They trigger an event, upon which the page reloads the part that it shows."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Literal

from fastapi import Form, Request, Response
from pydantic import ValidationError

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import InvalidRequest
from backend.downloads.dependencies import BandwidthService, DownloadsService
from backend.downloads.rate_limit_form import RateLimitForm, hints, rate_limit_view
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

ForAll = Literal["pause", "resume", "retry", "clear"]
ForOne = Literal["first", "pause", "resume", "retry", "accept", "cancel"]


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


@router.post("/downloads/{transfer_id}/{action}")
async def control_one(transfer_id: str, action: ForOne, downloads: DownloadsService) -> Response:
    actions: dict[ForOne, Callable[[str], Awaitable[object]]] = {
        "first": lambda key: downloads.put_first([key]),
        "pause": downloads.pause,
        "resume": downloads.resume,
        "retry": downloads.retry,
        "accept": downloads.accept,
        "cancel": downloads.cancel,
    }
    await actions[action](transfer_id)
    return _changed()


def _changed() -> Response:
    return htmx.with_event(Response(status_code=204), "transfers-changed")
