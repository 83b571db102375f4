"""The route `/mcp`: checks a request by its headers, then hands it to the server."""

from starlette.requests import HTTPConnection
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from backend.auth.credentials import refuse_other_sites
from backend.auth.principal import Scope, current_principal
from backend.auth.routing import UPLOAD_BODY, Protected, ProtectedRouter
from backend.core.errors import SignInRequired
from backend.mcp.caller import Caller, with_caller
from backend.mcp.gateway import Gateway
from backend.web.features import registry_of
from backend.web.requests import current_request_id

PATH = "/mcp"


class McpEndpoint:
    """ASGI application. A class and no function, so that Starlette leaves the request alone."""

    def __init__(self) -> None:
        # What a tool needs is checked when it is called.
        self._guarded = Protected(_serve, read=Scope.READ, write=Scope.READ, max_body=UPLOAD_BODY)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        # No page can send these headers for a user, as it can send cookies.
        if not {"x-api-key", "authorization"} & set(connection.headers):
            raise SignInRequired(
                "Send an API key as `Authorization: Bearer …` or `X-API-Key`. Create one under Settings.",
                code="api_key_required",
            )
        refuse_other_sites(connection)
        await self._guarded(scope, receive, send)


async def _serve(scope: Connection, receive: Receive, send: Send) -> None:
    app = await registry_of(HTTPConnection(scope)).get(Gateway).app()
    caller = Caller(principal=current_principal(), request_id=current_request_id())
    await app(with_caller(scope, caller), receive, send)


def mcp_router() -> ProtectedRouter:
    router = ProtectedRouter(read=Scope.READ, write=Scope.READ)
    router.routes.append(Route(PATH, McpEndpoint(), methods=["GET", "POST", "DELETE"]))
    return router
