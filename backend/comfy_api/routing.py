"""The router of the protocol: our access rules, with errors under the protocol's codes."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.auth.routing import ProtectedRouter
from backend.comfy_api.errors import translated
from backend.core.errors import AppError
from backend.web.lazy_route import LazyRoute

PREFIX = "/api/v2"


class _Route(LazyRoute):
    """Translates what the endpoint raises."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_and_translate(request: Request) -> Response:
            try:
                return await handle(request)
            except AppError as error:
                raise translated(error) from error

        return handle_and_translate


class Translated:
    """Translates what the check of credentials raises. `guard` is that check."""

    def __init__(self, guard: ASGIApp):
        self.guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.guard(scope, receive, send)
        except AppError as error:
            raise translated(error) from error


class ComfyRouter(ProtectedRouter):
    def __init__(self, **options: Any):
        super().__init__(prefix=PREFIX, tags=["comfy api v2"], route_class=_Route, **options)

    def guard(self, app: ASGIApp) -> ASGIApp:
        return Translated(super().guard(app))
