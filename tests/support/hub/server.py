"""Two origins on one event loop: the hub, and the CDN of its signed URLs."""

import ssl
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web
from multidict import CIMultiDict

from tests.support.hub.cdn import Cdn
from tests.support.hub.civitai import Civitai
from tests.support.hub.control import Control
from tests.support.hub.huggingface import HuggingFace
from tests.support.hub.huggingface_api import HuggingFaceApi
from tests.support.hub.plain import PlainFiles
from tests.support.hub.state import Recorded, State

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# How long handlers may run after their connections were closed at shutdown.
SHUTDOWN_SECONDS = 2


class Origin:
    """One address. It can stop listening and listen again on the same port."""

    def __init__(self, app: web.Application, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.port = port
        self._host = host
        self._tls = tls
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS
        )
        self._site: web.TCPSite | None = None

    async def start(self) -> None:
        await self._runner.setup()
        await self.listen()

    async def listen(self) -> None:
        self._site = web.TCPSite(self._runner, self._host, self.port, ssl_context=self._tls, backlog=1024)
        await self._site.start()
        self.port = self._runner.addresses[0][1]

    async def refuse(self) -> None:
        """Refuse new connections and break the open ones."""
        if self._site is not None:
            await self._site.stop()
        self._break_connections()

    async def stop(self) -> None:
        self._break_connections()
        await self._runner.cleanup()

    def _break_connections(self) -> None:
        server = self._runner.server
        for connection in server.connections if server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()


class HubServer:
    """The hub and its CDN, started and stopped together."""

    def __init__(self, state: State, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._state = state
        parts = (Civitai(state), HuggingFaceApi(state), HuggingFace(state), PlainFiles(state))
        routes = [route for part in parts for route in part.routes()]
        self.hub = Origin(_application(state, "hub", [*Control(state).routes(), *routes]), host, port, tls)
        self.cdn = Origin(_application(state, "cdn", Cdn(state).routes()), host, 0, tls)

    async def start(self) -> None:
        await self.cdn.start()
        self._state.links.cdn_port = self.cdn.port
        await self.hub.start()

    async def stop(self) -> None:
        await self.hub.stop()
        await self.cdn.stop()


def _application(state: State, origin: str, routes: Iterable[web.RouteDef]) -> web.Application:
    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_hub/"):
            return await handler(request)
        path, _, query = request.raw_path.partition("?")
        state.requests.append(Recorded(origin, request.method, path, query, CIMultiDict(request.headers)))
        return await state.answer_by_path(request) or await state.quotas.answer(request, handler)

    app = web.Application(middlewares=[record])
    app.on_response_prepare.append(state.quotas.announce)
    app.add_routes(routes)
    return app
