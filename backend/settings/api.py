"""JSON routes of settings."""

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, Forbidden, Unavailable, UpstreamError
from backend.settings.dependencies import TokenSettingsService
from backend.settings.models import TokenRequest, TokenVerdict, TokenView
from backend.sources.tokens import Hub
from backend.web.errors import responses

router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, prefix="/api/tokens", tags=["tokens"])


@router.get("", responses=responses())
async def show_all(tokens: TokenSettingsService) -> list[TokenView]:
    """Show for each hub whether it has a token and where that comes from; never the token itself."""
    return tokens.views()


@router.put("/{hub}", responses=responses(Forbidden, Unavailable))
async def save(hub: Hub, wanted: TokenRequest, tokens: TokenSettingsService) -> TokenView:
    """Save a token in a file that only the owner of the control plane can read. It is used at once."""
    return await tokens.save(hub, wanted.token.get_secret_value())


@router.delete("/{hub}", responses=responses(Forbidden, Conflict, Unavailable))
async def remove(hub: Hub, tokens: TokenSettingsService) -> TokenView:
    """Delete the saved token. One in the environment is used again."""
    return await tokens.remove(hub)


@router.post("/{hub}/test", responses=responses(Forbidden, Conflict, UpstreamError))
async def test(hub: Hub, tokens: TokenSettingsService) -> TokenVerdict:
    """Ask the hub whose token it is."""
    return await tokens.test(hub)
