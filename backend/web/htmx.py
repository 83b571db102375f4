"""What htmx sends and understands."""

import json
from typing import Literal

from fastapi import Request, Response

ToastKind = Literal["success", "info", "error"]
# Toasts travel in a header, which proxies limit.
LONGEST_TOAST = 400


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
