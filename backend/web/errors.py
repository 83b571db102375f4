"""One shape for every error: JSON for the API, a toast for htmx, a page for a browser."""

from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from backend.core.errors import AppError, Details, InvalidRequest, RangeOutsideFile, SignInRequired
from backend.web import htmx
from backend.web.requests import current_request_id
from backend.web.templating import renderer_of

log = structlog.get_logger(__name__)

SIGN_IN_PATH = "/_pod/sign-in"
MAX_PROBLEMS = 20
CODES = {
    400: "invalid_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}


class ErrorInfo(BaseModel):
    code: str = Field(description="Stable identifier for programs.")
    message: str = Field(description="What happened and what to do.")
    details: dict[str, Any] = Field(description="Values from the message; always holds `request_id`.")


class ErrorBody(BaseModel):
    """The body of every error response."""

    error: ErrorInfo


Responses = dict[int | str, dict[str, Any]]


def responses(*kinds: type[AppError]) -> Responses:
    """Declare the errors of an endpoint in OpenAPI. Bad input is always among them."""
    declared: tuple[type[AppError], ...] = (InvalidRequest, *kinds)
    return {
        kind.status: {"model": ErrorBody, "description": (kind.__doc__ or "").split("\n")[0]}
        for kind in declared
    }


def install_error_handlers(app: FastAPI) -> None:
    """Register the handlers. Call this before other middleware is added."""
    app.add_exception_handler(AppError, _handle_app_error)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    app.add_exception_handler(HTTPException, _handle_http_exception)
    app.add_middleware(UnexpectedErrors)


async def deny_socket(websocket: WebSocket, error: AppError) -> None:
    """Reject a WebSocket handshake with an error in the usual format."""
    await websocket.send_denial_response(
        _as_json(error.status, error.error_code, error.message, error.details)
    )


async def _handle_app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)  # noqa: S101 - Starlette calls each handler with its own class
    return render_error(request, error.status, error.error_code, error.message, error.details)


async def _handle_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = [f"{'.'.join(str(part) for part in item['loc'][1:])}: {item['msg']}" for item in error.errors()]
    problems = found[:MAX_PROBLEMS]
    if len(found) > MAX_PROBLEMS:
        problems.append(f"and {len(found) - MAX_PROBLEMS} more")
    message = "The request is invalid: " + "; ".join(problems)
    return render_error(request, InvalidRequest.status, InvalidRequest.code, message, {"problems": problems})


async def _handle_http_exception(request: Request, error: Exception) -> Response:
    """Render errors of Starlette and FastAPI: unknown route, wrong method, body too large or malformed."""
    assert isinstance(error, HTTPException)  # noqa: S101
    status, headers = error.status_code, dict(error.headers or {})
    if status == HTTPStatus.NOT_FOUND:
        message = f"There is nothing at {request.url.path}."
    elif status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _methods_of(request)
        message = f"{request.method} is not possible at {request.url.path}. Use {headers['Allow']}."
    else:
        message = f"{error.detail}."
    response = render_error(request, status, CODES.get(status, "http_error"), message, {})
    response.headers.update(headers)
    return response


def _methods_of(request: Request) -> str:
    """Return every method that the path supports. Starlette names those of one route only."""
    methods: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


class UnexpectedErrors:
    """ASGI middleware that logs and renders unexpected exceptions.

    It is the innermost: Starlette's own handler for `Exception` is outside the middleware that binds the request id and
    sets the security headers.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_and_record(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_record)
        except Exception:
            if started or scope["type"] != "http":
                raise
            log.exception("unhandled error", path=scope["path"])
            await _internal_error(Request(scope))(scope, receive, send)


def _internal_error(request: Request) -> Response:
    message = f"The control plane failed. Search its log for {current_request_id()} to see why."
    return render_error(request, 500, "internal_error", message, {})


def render_error(request: Request, status: int, code: str, message: str, details: Details) -> Response:
    headers = _headers_for(status, details)
    match _audience(request):
        case "htmx":
            return _as_toast(status, message, headers)
        case "browser" if status == SignInRequired.status:
            return RedirectResponse(sign_in_address(_target(request)), status_code=303)
        case "browser":
            view = {"status": status, "code": code, "message": message, "request_id": current_request_id()}
            return renderer_of(request).page(request, "web/error.html", view, status=status, headers=headers)
        case _:
            return _as_json(status, code, message, details)


def _as_json(status: int, code: str, message: str, details: Details) -> JSONResponse:
    full_details = {**details, "request_id": current_request_id()}
    body = {"error": {"code": code, "message": message, "details": full_details}}
    return JSONResponse(body, status_code=status, headers=_headers_for(status, details))


def _audience(request: Request) -> Literal["api", "htmx", "browser"]:
    if request.url.path.startswith("/api/") or not request.app.serves_pages:
        return "api"
    if htmx.is_htmx(request):
        return "htmx"
    return "browser" if "text/html" in request.headers.get("accept", "") else "api"


def _headers_for(status: int, details: dict[str, Any]) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if status == SignInRequired.status:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after" in details:
        headers["Retry-After"] = str(details["retry_after"])
    if status == RangeOutsideFile.status:
        headers["Content-Range"] = f"bytes */{details['size']}"
    return headers


def _as_toast(status: int, message: str, headers: dict[str, str]) -> Response:
    if status == SignInRequired.status:
        return Response(status_code=status, headers={**headers, "HX-Redirect": SIGN_IN_PATH})
    response = Response(status_code=status, headers={**headers, "HX-Reswap": "none"})
    return htmx.with_toast(response, "error", message)


def _target(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def sign_in_address(target: str) -> str:
    """Return the address of the sign-in page that redirects to `target`, a path with its query."""
    return SIGN_IN_PATH if target == "/" else f"{SIGN_IN_PATH}?next={quote(target, safe='/')}"
