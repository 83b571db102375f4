"""Routers that say who may use their routes.

    router = ProtectedRouter(read=Scope.READ, write=Scope.RUN, prefix="/api/presets")
    public_router = PublicRouter(prefix="/api/auth")

The application takes no other routers. A protected route checks credentials and scope before it reads the body of the
request: FastAPI itself reads the body before it runs dependencies, and strangers could fill the memory.
"""

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection
from starlette.websockets import WebSocket

from backend.auth.credentials import SAFE_METHODS, SESSION_COOKIE, identify
from backend.auth.principal import ANONYMOUS, Principal, Scope, acting_as
from backend.auth.service import Authentication
from backend.core.errors import AppError, Forbidden, SignInRequired
from backend.web.body_limit import KIB, MIB, limited
from backend.web.errors import deny_socket, responses
from backend.web.features import registry_of
from backend.web.lazy_route import LazyRoute

PUBLIC_BODY = 16 * KIB
BODY = 1 * MIB
# For what users upload: workflows and presets.
UPLOAD_BODY = 16 * MIB

SESSION_ENDED = 4401


class AccessRouter(APIRouter):
    """A router that says who may use its routes."""

    def __init__(self, **options: Any):
        super().__init__(**({"route_class": LazyRoute} | options))

    @abstractmethod
    def guard(self, app: ASGIApp) -> ASGIApp:
        """Return what checks a request, then hands it to the route's `app`."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().add_api_route(path, endpoint, **options)
        self._guard_last_route()

    def add_api_websocket_route(
        self, path: str, endpoint: Callable[..., Any], *args: Any, **options: Any
    ) -> None:
        super().add_api_websocket_route(path, endpoint, *args, **options)
        self._guard_last_route()

    def _guard_last_route(self) -> None:
        route = self.routes[-1]
        assert isinstance(route, APIRoute | APIWebSocketRoute)  # noqa: S101 - it was added just now
        route.app = self.guard(route.app)


class PublicRouter(AccessRouter):
    """Routes that need no credentials. Their bodies are small."""

    def guard(self, app: ASGIApp) -> ASGIApp:
        return Public(app)


class ProtectedRouter(AccessRouter):
    """Routes that need a principal with a scope: `read` for GET, HEAD and WebSockets, `write` for everything else.

    None stands for any principal.
    """

    def __init__(self, *, read: Scope | None, write: Scope | None, max_body: int = BODY, **options: Any):
        super().__init__(responses=responses(SignInRequired, Forbidden), **options)
        self.read = read
        self.write = write
        self._max_body = max_body

    def guard(self, app: ASGIApp) -> ASGIApp:
        return Protected(app, read=self.read, write=self.write, max_body=self._max_body)

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        needed = self.read if set(options.get("methods") or ["GET"]) <= SAFE_METHODS else self.write
        extra = {"security": security_of(needed), **(options.pop("openapi_extra", None) or {})}
        super().add_api_route(path, endpoint, openapi_extra=extra, **options)


class Public:
    """ASGI application of a public route."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        with acting_as(ANONYMOUS):
            await self._app(scope, limited(scope, receive, PUBLIC_BODY), send)


class Protected:
    """ASGI application of a protected route."""

    def __init__(self, app: ASGIApp, *, read: Scope | None, write: Scope | None, max_body: int):
        self._app = app
        self.read = read
        self.write = write
        self._max_body = max_body

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
            return
        reads = scope["method"] in SAFE_METHODS
        connection = HTTPConnection(scope)
        principal = identify(connection, authentication_of(connection), only_reads=reads)
        require(principal, self.read if reads else self.write)
        with acting_as(principal):
            await self._app(scope, limited(scope, receive, self._max_body), send)

    async def _serve_socket(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Refuse the handshake with an error in our shape, whether the check or the route raises it."""
        websocket = WebSocket(scope, receive, send)
        accepted = False

        async def send_and_note(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            await send(message)

        try:
            # A page of another site can open a socket, and read it, with the browser's cookie.
            principal = identify(websocket, authentication_of(websocket), only_reads=False)
            require(principal, self.read)
            with acting_as(principal):
                await self._serve_until_the_end(principal, scope, receive, send_and_note)
        except AppError as error:
            if accepted:
                raise
            await deny_socket(websocket, error)

    async def _serve_until_the_end(
        self, principal: Principal, scope: Connection, receive: Receive, send: Send
    ) -> None:
        """Close the socket when the session or API key expires, ends or is revoked."""
        connections = authentication_of(WebSocket(scope, receive, send)).connections
        try:
            async with asyncio.timeout(principal.seconds_left) as limit:
                with connections.registered(principal.credential_id, limit):
                    await self._app(scope, receive, send)
        except TimeoutError:
            if not limit.expired():
                raise
            with contextlib.suppress(OSError):  # the client has gone
                await send({"type": "websocket.close", "code": SESSION_ENDED, "reason": "sign in again"})


def authentication_of(connection: HTTPConnection) -> Authentication:
    return registry_of(connection).get(Authentication)


def require(principal: Principal, scope: Scope | None) -> None:
    """Raise Forbidden when `principal` lacks the scope."""
    if scope and not principal.has(scope):
        raise Forbidden(
            f"The API key {principal.name} lacks the scope `{scope}`. Use a key that has it.",
            code="missing_scope",
        )


SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or the token from `POST /api/auth/login`.",
    },
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "The session of a browser.",
    },
}


def security_of(scope: Scope | None) -> list[dict[str, list[str]]]:
    """Return what OpenAPI says of a route that needs `scope`: any of our credentials, with that scope."""
    return [{scheme: [str(scope)] if scope else []} for scheme in SECURITY_SCHEMES]
