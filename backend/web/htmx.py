"""What htmx sends and understands."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

ToastKind = Literal["success", "info", "error"]
Swap = Literal["innerHTML", "outerMorph"]
# Toasts travel in a header, which proxies limit.
LONGEST_TOAST = 400


class PageRoute(APIRoute):
    """Answers a form that the browser itself has sent, before the scripts of its page had arrived.

    What was asked for is done all the same; then the browser goes where htmx would, or back to the page of the form.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_and_go_on(request: Request) -> Response:
            response = await handle(request)
            if request.method != "POST" or is_htmx(request) or response.status_code >= 300:
                return response
            return RedirectResponse(
                response.headers.get("HX-Redirect") or _came_from(request), status_code=303
            )

        return handle_and_go_on


def _came_from(request: Request) -> str:
    page = urlsplit(request.headers.get("referer", ""))
    if page.netloc != request.headers.get("host"):
        return "/"
    return urlunsplit(("", "", "/" + page.path.lstrip("/\\"), page.query, ""))


def is_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def wants_fragment(request: Request) -> bool:
    """True when htmx will swap a part of the page; false for a whole page, boosted links included."""
    return is_htmx(request) and request.headers.get("hx-request-type") == "partial"


def with_event(response: Response, name: str, detail: object = True) -> Response:
    """Let the page hear of `name` once the answer has arrived."""
    events = json.loads(response.headers.get("HX-Trigger", "{}"))
    response.headers["HX-Trigger"] = json.dumps({**events, name: detail})
    return response


def with_toast(response: Response, kind: ToastKind, message: str) -> Response:
    """Show `message`, or the beginning of it, in the corner of the page once the answer has arrived."""
    if len(message) > LONGEST_TOAST:
        message = message[: LONGEST_TOAST - 1].rstrip() + "…"
    return with_event(response, "toast", {"kind": kind, "message": message})


def with_swap(response: Response, swap: Swap) -> Response:
    """Show the body of an error where the answer would have been. Pages swap in no other error."""
    response.headers["HX-Reswap"] = swap
    return response
