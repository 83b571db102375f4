"""Settings as a feature: tokens for hubs, and the page that also shows API keys and sessions."""

from collections.abc import Iterable
from functools import partial

from backend.activity.service import Activity
from backend.settings import api
from backend.settings.pages import api_keys, overview, sessions
from backend.settings.pages import tokens as token_pages
from backend.settings.sections import SettingsSections
from backend.settings.service import TokenSettings
from backend.sources.service import Sources
from backend.sources.tokens import Tokens
from backend.system.services import Services
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    registry, settings = context.registry, context.settings
    tokens, services = registry.get(Tokens), registry.get(Services)
    persistent = context.paths.tokens.is_relative_to(settings.workspace)
    token_settings = TokenSettings(
        tokens, registry.get(Sources), services, registry.get(Activity), outlive=persistent
    )
    return Running(
        services=(token_settings, SettingsSections(overview.SECTIONS)),
        background=(partial(mask_secrets, services, settings.secrets, tokens),),
    )


async def mask_secrets(services: Services, secrets: Iterable[str], tokens: Tokens) -> None:
    """Mask secrets in the logs that the pages show, also tokens that come with a pasted link later."""
    while True:
        tokens.added.clear()
        await services.hide({*secrets, *tokens.all()})
        await tokens.added.wait()


FEATURE = Feature(
    name="settings",
    routers=(api.router, overview.router, token_pages.router, api_keys.router, sessions.router),
    start=start,
)
