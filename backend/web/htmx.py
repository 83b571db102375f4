"""Request and response headers of htmx."""

import json
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from backend.web.lazy_route import LazyRoute

ToastKind = Literal["success", "info", "error"]
Swap = Literal["innerHTML", "outerMorph"]
# Toasts travel in a header, which proxies limit.
MAX_TOAST_LENGTH = 400


class PageRoute(LazyRoute):
    """Handles forms that the browser sent without htmx, because the scripts of the page had not loaded yet.

    The route runs as usual; then the browser is redirected to where htmx would go, or back to the page of the form.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_and_redirect(request: Request) -> Response:
            response = await handle(request)
            if request.method != "POST" or is_htmx(request) or response.status_code >= 300:
                return response
            return RedirectResponse(
                response.headers.get("HX-Redirect") or _form_page(request), status_code=303
            )

        return handle_and_redirect


def _form_page(request: Request) -> str:
    page = urlsplit(request.headers.get("referer", ""))
    if page.netloc != request.headers.get("host"):
        return "/"
    return urlunsplit(("", "", "/" + page.path.lstrip("/\\"), page.query, ""))


def is_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def wants_fragment(request: Request) -> bool:
    """Return True when htmx will swap a part of the page, False for a whole page, boosted links included."""
    return is_htmx(request) and request.headers.get("hx-request-type") == "partial"


def with_event(response: Response, name: str, detail: object = True) -> Response:
    """Trigger the event `name` on the page when the response arrives."""
    events = json.loads(response.headers.get("HX-Trigger", "{}"))
    response.headers["HX-Trigger"] = json.dumps({**events, name: detail})
    return response


@dataclass(frozen=True, kw_only=True)
class ToastAction:
    """A button of a toast, such as Undo: it posts to `url` and is offered for some seconds."""

    label: str
    url: str
    seconds: float


def with_toast(
    response: Response, kind: ToastKind, message: str, action: ToastAction | None = None
) -> Response:
    """Show `message`, shortened if necessary, as a toast when the response arrives."""
    if len(message) > MAX_TOAST_LENGTH:
        message = message[: MAX_TOAST_LENGTH - 1].rstrip() + "…"
    toast: dict[str, Any] = {"kind": kind, "message": message}
    if action:
        toast["action"] = asdict(action)
    return with_event(response, "toast", toast)


def with_swap(response: Response, swap: Swap) -> Response:
    """Show the body of an error in place of the normal response. By default pages do not swap in errors."""
    response.headers["HX-Reswap"] = swap
    return response
