"""Auth as a feature: the sign-in page, the API of sessions, and what nginx asks."""

from backend.auth import api, pages
from backend.auth.service import Gate, generated_password, signing_key
from backend.config.settings import Settings
from backend.web.features import Feature

FEATURE = Feature(name="auth", routers=(api.public_router, api.router, pages.router, api.nginx_router))


def access_password(settings: Settings) -> str:
    """Return the owner's password, or the one generated for this installation."""
    if settings.access_password:
        return settings.access_password.get_secret_value()
    return generated_password(settings.state_folder)


def gate_of(settings: Settings) -> Gate:
    """Build what checks passwords and tokens. Needed before any feature has started. OSError when its key cannot be kept."""
    key = signing_key(settings.state_folder)
    return Gate(access_password(settings), key, settings.session_hours * 3600)
