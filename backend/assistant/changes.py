"""Changes of the assistant's settings."""

from dataclasses import replace
from typing import Any

from backend.assistant.preferences import Preferences, SavedPreferences
from backend.assistant.schemas import PreferencesRequest
from backend.auth.principal import Scope
from backend.config.values import usable_token
from backend.core.errors import InvalidRequest


async def change(preferences: SavedPreferences, wanted: PreferencesRequest) -> Preferences:
    """Save the settings that the request contains; keep the others. Return all."""
    changes: dict[str, Any] = {
        name: value
        for name in ("provider", "model", "base_url")
        if (value := getattr(wanted, name)) is not None
    }
    if wanted.scopes is not None:
        changes["scopes"] = _scopes(wanted.scopes)
    if wanted.limits is not None:
        changes["limits"] = wanted.limits.limits()
    key = await preferences.saved_key()
    if wanted.key is not None:
        key = _key(wanted.key.get_secret_value())
    await preferences.save(replace(await preferences.get(), key=key, **changes))
    return await preferences.get()


def _scopes(wanted: list[Scope]) -> tuple[Scope, ...]:
    if Scope.READ not in wanted and Scope.ADMIN not in wanted:
        raise InvalidRequest("The assistant needs at least the right to read.", code="scope_required")
    return tuple(scope for scope in Scope if scope in wanted)


def _key(text: str) -> str:
    try:
        return usable_token(text)
    except ValueError as error:
        raise InvalidRequest(f"This is no key: {error}.", code="invalid_key") from None
