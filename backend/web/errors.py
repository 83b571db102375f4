"""One shape for every error: JSON for the API, a toast over htmx, a page in a browser."""

from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core.errors import AppError, Details, InvalidRequest, NotFound, SignInRequired
from backend.web import htmx
from backend.web.requests import current_request_id
from backend.web.templating import renderer_of

log = structlog.get_logger(__name__)

SIGN_IN_PATH = "/_pod/sign-in"


class ErrorInfo(BaseModel):
    code: str = Field(description="Stable word for programs.")
    message: str = Field(description="Sentence for people: what happened and what to do.")
    details: dict[str, Any] = Field(description="What the sentence is about; always holds `request_id`.")


class ErrorBody(BaseModel):
    """What every error answer looks like."""

    error: ErrorInfo


Responses = dict[int | str, dict[str, Any]]


def responses(*kinds: type[AppError]) -> Responses:
    """Declare the errors of an endpoint in OpenAPI. Bad input and a missing sign-in are always among them."""
    declared: Responses = {}
    always: tuple[type[AppError], ...] = (InvalidRequest, SignInRequired)
    for kind in (*always, *kinds):
        declared[kind.status] = {"model": ErrorBody, "description": (kind.__doc__ or "").split("\n")[0]}
    return declared


def install_error_handlers(app: FastAPI) -> None:
    """Call it before other middleware is added."""
    app.add_exception_handler(AppError, _handle_app_error)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    app.add_exception_handler(HTTPException, _handle_http_exception)
    app.add_middleware(Bugs)


async def _handle_app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)  # noqa: S101 - Starlette hands each handler its own class
    return render_error(request, error.status, error.error_code, error.message, error.details)


async def _handle_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    problems = [
        f"{'.'.join(str(part) for part in item['loc'][1:])}: {item['msg']}" for item in error.errors()
    ]
    message = "The request is not right: " + "; ".join(problems)
    return render_error(request, InvalidRequest.status, InvalidRequest.code, message, {"problems": problems})


async def _handle_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: no such route, wrong method, body too large."""
    assert isinstance(error, HTTPException)  # noqa: S101
    status = HTTPStatus(error.status_code)
    message = f"There is nothing at {request.url.path}." if status == NotFound.status else f"{error.detail}."
    code = status.phrase.lower().replace(" ", "_").replace("'", "")
    response = render_error(request, status, code, message, {})
    response.headers.update(error.headers or {})
    return response


class Bugs:
    """ASGI middleware for what nobody expected. Innermost: Starlette's own handler for `Exception` sits outside the
    middleware that binds the request's id and sets the security headers."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception:
            if begun or scope["type"] != "http":
                raise
            log.exception("unhandled error", path=scope["path"])
            await _bug(Request(scope))(scope, receive, send)


def _bug(request: Request) -> Response:
    message = f"Something broke on our side. The log of the dashboard has more under {current_request_id()}."
    return render_error(request, 500, "internal_error", message, {})


def render_error(request: Request, status: int, code: str, message: str, details: Details) -> Response:
    full_details = {**details, "request_id": current_request_id()}
    headers = _headers_for(status, full_details)
    match _audience(request):
        case "htmx":
            return _as_toast(status, message, headers)
        case "browser" if status == SignInRequired.status:
            return RedirectResponse(sign_in_address(_wanted(request)), status_code=303)
        case "browser":
            view = {"status": status, "code": code, "message": message, "request_id": current_request_id()}
            return renderer_of(request).page(request, "web/error.html", view, status=status, headers=headers)
        case _:
            body = {"error": {"code": code, "message": message, "details": full_details}}
            return JSONResponse(body, status_code=status, headers=headers)


def _audience(request: Request) -> Literal["api", "htmx", "browser"]:
    if request.url.path.startswith("/api/"):
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
    return headers


def _as_toast(status: int, message: str, headers: dict[str, str]) -> Response:
    if status == SignInRequired.status:
        return Response(status_code=status, headers={**headers, "HX-Redirect": SIGN_IN_PATH})
    response = Response(status_code=status, headers={**headers, "HX-Reswap": "none"})
    return htmx.with_toast(response, "error", message)


def _wanted(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def sign_in_address(wanted: str) -> str:
    """The sign-in page that leads on to `wanted`, a path with its query."""
    return SIGN_IN_PATH if wanted == "/" else f"{SIGN_IN_PATH}?next={quote(wanted, safe='/')}"
