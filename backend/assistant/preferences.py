"""The settings of the assistant: model, key, rights, limits. One file on the volume, which only its owner can read."""

import asyncio
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from backend.auth.principal import Scope
from backend.conversations.agents_config import DEFAULT_MODEL, DEFAULT_PROVIDER, Limits
from backend.core.persistence import save_persistently

log = structlog.get_logger(__name__)

DEFAULT_SCOPES = (Scope.READ, Scope.RUN)


@dataclass(frozen=True, kw_only=True)
class Preferences:
    provider: str = DEFAULT_PROVIDER
    model: str = DEFAULT_MODEL
    base_url: str = ""
    key: str = field(default="", repr=False)
    # Scopes of the assistant's API key for this pod.
    scopes: tuple[Scope, ...] = DEFAULT_SCOPES
    limits: Limits = field(default_factory=Limits)


class SavedPreferences:
    """The saved settings. The key in the environment is used until one is saved."""

    def __init__(self, path: Path, environment_key: str):
        self._path = path
        self._environment_key = environment_key
        self._saved: Preferences | None = None

    async def get(self) -> Preferences:
        if self._saved is None:
            self._saved = await asyncio.to_thread(_read, self._path)
        return self._saved if self._saved.key else replace(self._saved, key=self._environment_key)

    async def save(self, changed: Preferences) -> None:
        """Save the settings. Raise Unavailable when the volume refuses them."""
        content = json.dumps(asdict(changed), indent=2).encode()
        await asyncio.to_thread(save_persistently, self._path, content, 0o600)
        self._saved = changed

    @property
    def has_environment_key(self) -> bool:
        return bool(self._environment_key)

    async def saved_key(self) -> str:
        """Return the saved key, without the one in the environment; empty when there is none."""
        await self.get()
        return self._saved.key if self._saved else ""


def _read(path: Path) -> Preferences:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        content["scopes"] = tuple(Scope(scope) for scope in content["scopes"])
        return Preferences(**{**content, "limits": Limits(**content["limits"])})
    except FileNotFoundError:
        return Preferences()
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("the assistant's settings cannot be read; defaults are used", reason=str(error))
        return Preferences()
