"""ASGI middleware for every request: its id, its log line, and HEAD."""

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.web.features import registry_of
from backend.web.metrics import Metrics

log = structlog.get_logger("backend.requests")

ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
COMFY_API = "/api/v2/"
QUIET_PATHS = ("/healthz", "/readyz", "/_pod/static/", "/_pod/auth")


def current_request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request_id", "-"))


class RequestLog:
    """Assigns each request an id, the proxy's `X-Request-ID` if it is well-formed, and logs the request when it is done.

    The log line contains the principal, which the route binds.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        status = 0
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = int(message["status"])  # some applications send an enum
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                if scope["path"].startswith(COMFY_API):
                    headers["X-Comfy-Request-Id"] = request_id  # where comfy-sdk looks for it
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id, principal="anonymous"):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                seconds = time.perf_counter() - started
                _log_request(scope, status, seconds)
                _count_request(scope, status, seconds)


class HeadAsGet:
    """Passes HEAD to routes as GET. The server omits the body."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_head = scope["type"] == "http" and scope["method"] == "HEAD"
        await self._app({**scope, "method": "GET"} if is_head else scope, receive, send)


def _request_id(headers: Headers) -> str:
    offered = headers.get("x-request-id", "")
    return offered if ACCEPTABLE_ID.fullmatch(offered) else uuid.uuid4().hex


def _count_request(scope: Scope, status: int, seconds: float) -> None:
    """Count a request by its route: paths have no end. WebSockets stay open and are left out."""
    if scope["type"] == "http":
        registry_of(HTTPConnection(scope)).get(Metrics).observe(
            "comfypod_http_seconds",
            "Seconds to answer a request.",
            seconds,
            method=scope["method"],
            route=getattr(scope.get("route"), "path", "other"),
            status=f"{status // 100}xx",
        )


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    """Log a request without its query string, which may contain secrets."""
    write = log.debug if scope["path"].startswith(QUIET_PATHS) else log.info
    method = scope.get("method", "WEBSOCKET")
    write("request", method=method, path=scope["path"], status=status, ms=round(seconds * 1000, 1))
