"""HTML routes of tokens for hubs."""

from typing import Annotated, Any

from fastapi import Form, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.config.values import LONGEST_TOKEN
from backend.core.errors import UpstreamError
from backend.settings.dependencies import TokenSettingsService
from backend.settings.models import TokenVerdict
from backend.settings.service import TokenSettings
from backend.sources.tokens import Hub
from backend.web.htmx import PageRoute, with_toast
from backend.web.templating import renderer_of

router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, include_in_schema=False, route_class=PageRoute)


def tokens_view(tokens: TokenSettings, verdict: TokenVerdict | None = None) -> dict[str, Any]:
    return {"tokens": tokens.views(), "verdict": verdict, "outlive": tokens.outlive}


@router.post("/settings/tokens/{hub}")
async def save_token(
    hub: Hub,
    request: Request,
    tokens: TokenSettingsService,
    token: Annotated[str, Form(max_length=LONGEST_TOKEN)],
) -> Response:
    """Save the token whatever the hub says: the hub may be unreachable at the moment."""
    await tokens.save(hub, token)
    try:
        verdict = await tokens.test(hub)
    except UpstreamError as error:
        return with_toast(_fragment(request, tokens), "info", f"Saved, but not tested: {error.message}")
    return with_toast(_fragment(request, tokens, verdict), "success", "Saved.")


@router.post("/settings/tokens/{hub}/test")
async def check_token(hub: Hub, request: Request, tokens: TokenSettingsService) -> Response:
    return _fragment(request, tokens, await tokens.test(hub))


@router.delete("/settings/tokens/{hub}")
async def remove_token(hub: Hub, request: Request, tokens: TokenSettingsService) -> Response:
    view = await tokens.remove(hub)
    return with_toast(_fragment(request, tokens), "success", f"The saved token for {view.name} is deleted.")


def _fragment(request: Request, tokens: TokenSettings, verdict: TokenVerdict | None = None) -> Response:
    return renderer_of(request).page(request, "settings/_tokens.html", {"view": tokens_view(tokens, verdict)})
