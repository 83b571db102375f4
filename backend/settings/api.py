"""The JSON door of settings."""

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, Forbidden, Unavailable, UpstreamError
from backend.settings.dependencies import TokenSettingsService
from backend.settings.models import TokenRequest, TokenVerdict, TokenView
from backend.sources.tokens import Hub
from backend.web.errors import responses

router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, prefix="/api/tokens", tags=["tokens"])


@router.get("", responses=responses())
async def show_all(desk: TokenSettingsService) -> list[TokenView]:
    """For each hub, whether there is a token and where it comes from. The tokens themselves are never told."""
    return desk.views()


@router.put("/{hub}", responses=responses(Forbidden, Unavailable))
async def save(hub: Hub, wanted: TokenRequest, desk: TokenSettingsService) -> TokenView:
    """Keep a token in a file that only the owner of the control plane can read. It is used at once."""
    return await desk.save(hub, wanted.token.get_secret_value())


@router.delete("/{hub}", responses=responses(Forbidden, Conflict, Unavailable))
async def remove(hub: Hub, desk: TokenSettingsService) -> TokenView:
    """Forget the saved token; one in the environment is used again."""
    return await desk.remove(hub)


@router.post("/{hub}/test", responses=responses(Forbidden, Conflict, UpstreamError))
async def test(hub: Hub, desk: TokenSettingsService) -> TokenVerdict:
    """Ask the hub whose token it is."""
    return await desk.test(hub)
