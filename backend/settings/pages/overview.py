"""The page of settings.

To add a section: write its template, which renders `section.view`, and name both in `SECTIONS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.auth.service import Authentication
from backend.settings.pages.api_keys import keys_view
from backend.settings.pages.sessions import sessions_view
from backend.settings.pages.tokens import tokens_view
from backend.settings.service import TokenSettings
from backend.system.model_paths import ModelPaths
from backend.system.price import PodPrice
from backend.system.price_pages import price_view
from backend.web.features import Registry, registry_of
from backend.web.templating import renderer_of

router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page."""

    # Also the anchor: `/settings#tokens`.
    id: str
    title: str
    # One sentence below the title.
    summary: str
    template: str
    # Everything that the template shows, looked up at each request.
    view: Callable[[Registry], dict[str, Any]]


SECTIONS = (
    Section(
        id="tokens",
        title="Tokens",
        summary="For files that need an account, and for higher rate limits. "
        "Each is sent to its own site only and stored where only this pod's owner can read it.",
        template="settings/_tokens.html",
        view=lambda registry: tokens_view(registry.get(TokenSettings)),
    ),
    Section(
        id="model-paths",
        title="Model folders",
        summary="ComfyUI searches its own folders, /models and /runpod-volume. Add other folders that are mounted here.",
        template="system/_model_paths.html",
        view=lambda registry: {"paths": registry.get(ModelPaths).chosen()},
    ),
    Section(
        id="price",
        title="Price",
        summary="What the host charges for this pod.",
        template="system/_price.html",
        view=lambda registry: price_view(registry.get(PodPrice)),
    ),
    Section(
        id="api-keys",
        title="API keys",
        summary="For programs that use this pod, ComfyUI included, without its password.",
        template="settings/_api_keys.html",
        view=lambda registry: keys_view(registry.get(Authentication).keys),
    ),
    Section(
        id="sessions",
        title="Sessions",
        summary="Browsers and programs that have signed in with the password.",
        template="settings/_sessions.html",
        view=lambda registry: sessions_view(registry.get(Authentication).sessions),
    ),
)


@router.get("/settings")
async def show(request: Request) -> Response:
    registry = registry_of(request)
    sections = [{"about": section, "view": section.view(registry)} for section in SECTIONS]
    return renderer_of(request).page(request, "settings/page.html", {"sections": sections})
