"""HTML routes of settings: one page with a section for each topic.

To add a section, write its template, which renders `section.view`, and add both to `SECTIONS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
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
from backend.web.features import registry_of
from backend.web.htmx import PageRoute, with_toast
from backend.web.templating import renderer_of

router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the page."""

    # Also the anchor: `/settings#tokens`.
    id: str
    title: str
    # One sentence below the title.
    summary: str
    template: str
    # Returns what the template shows, on each request.
    view: Callable[[Request], dict[str, Any]]


def _tokens(request: Request) -> dict[str, Any]:
    return _tokens_view(registry_of(request).get(TokenSettings))


def _tokens_view(settings: TokenSettings, verdict: TokenVerdict | None = None) -> dict[str, Any]:
    return {"tokens": settings.views(), "verdict": verdict, "outlive": settings.outlive}


SECTIONS = (
    Section(
        id="tokens",
        title="Tokens",
        summary="For files that need an account, and for higher rate limits. "
        "Each is sent to its own site only, and kept where only this pod's owner can read it.",
        template="settings/_tokens.html",
        view=_tokens,
    ),
)


@router.get("/settings")
async def show(request: Request) -> Response:
    sections = [{"about": section, "view": section.view(request)} for section in SECTIONS]
    return renderer_of(request).page(request, "settings/page.html", {"sections": sections})


@router.post("/settings/tokens/{hub}")
async def save_token(
    hub: Hub,
    request: Request,
    settings: TokenSettingsService,
    token: Annotated[str, Form(max_length=LONGEST_TOKEN)],
) -> Response:
    """Save the token even when the hub does not answer: it may be down."""
    await settings.save(hub, token)
    try:
        verdict = await settings.test(hub)
    except UpstreamError as error:
        return with_toast(_fragment(request, settings), "info", f"Saved, but not tested: {error.message}")
    return with_toast(_fragment(request, settings, verdict), "success", "Saved.")


@router.post("/settings/tokens/{hub}/test")
async def check_token(hub: Hub, request: Request, settings: TokenSettingsService) -> Response:
    return _fragment(request, settings, await settings.test(hub))


@router.delete("/settings/tokens/{hub}")
async def remove_token(hub: Hub, request: Request, settings: TokenSettingsService) -> Response:
    view = await settings.remove(hub)
    return with_toast(_fragment(request, settings), "success", f"The saved token for {view.name} is deleted.")


def _fragment(request: Request, settings: TokenSettings, verdict: TokenVerdict | None = None) -> Response:
    return renderer_of(request).page(
        request, "settings/_tokens.html", {"view": _tokens_view(settings, verdict)}
    )
