"""The page of settings.

A section is a template, which renders `section.view`. Features above this package add theirs to `SettingsSections`.
"""

from fastapi import Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.auth.service import Authentication
from backend.settings.pages.api_keys import keys_view
from backend.settings.pages.sessions import sessions_view
from backend.settings.pages.tokens import tokens_view
from backend.settings.sections import Section, SettingsSections
from backend.settings.service import TokenSettings
from backend.system.model_paths import ModelPaths
from backend.system.price import PodPrice
from backend.system.price_pages import price_view
from backend.web.features import registry_of
from backend.web.templating import renderer_of

router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, include_in_schema=False)


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
    sections = [
        {"about": section, "view": section.view(registry)} for section in registry.get(SettingsSections).all()
    ]
    return renderer_of(request).page(request, "settings/page.html", {"sections": sections})
