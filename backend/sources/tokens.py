"""The tokens for hubs: where they come from, where they are stored, which origin each belongs to.

A token saved in Settings takes precedence over the one in the environment. It is stored in one file that only its
owner can read, takes effect at once, and is never shown again.
"""

import asyncio
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Literal

import structlog

from backend.config.values import usable_token
from backend.core.errors import Conflict, InvalidRequest
from backend.core.persistence import save_persistently
from backend.sources.addresses import CIVITAI_SITES, origin

log = structlog.get_logger(__name__)

SHOWN = 4  # digits of a token that Settings shows


class Hub(StrEnum):
    """The sites that have tokens."""

    HUGGING_FACE = "huggingface"
    CIVITAI = "civitai"


NAMES = {Hub.HUGGING_FACE: "Hugging Face", Hub.CIVITAI: "Civitai"}
VARIABLES = {Hub.HUGGING_FACE: "HF_TOKEN", Hub.CIVITAI: "CIVITAI_TOKEN"}
Source = Literal["environment", "saved", "link"]


@dataclass(frozen=True, kw_only=True)
class TokenState:
    """What may be shown of a token."""

    hub: Hub
    # The only sites that it is sent to.
    sites: tuple[str, ...]
    source: Source | None
    # Its last digits.
    ending: str | None
    # Whether the hub has rejected it.
    rejected: bool


class Tokens:
    """At most one token in use for each hub."""

    def __init__(self, path: Path, endpoints: dict[Hub, str], environment: dict[Hub, str]):
        self._path = path
        self.endpoints = endpoints
        self._origins = {hub: {origin(site) for site in self._sites(hub)} for hub in Hub}
        self._environment = environment
        self._saved = _read(path)
        self._writing = Lock()
        # Tokens from pasted links; forgotten at the next start.
        self._from_links: dict[Hub, str] = {}
        # Tokens that their hub does not accept.
        self._rejected: dict[Hub, str] = {}
        # Set when a token from a link comes into use, which logs must mask from then on.
        self.added = asyncio.Event()

    def for_url(self, url: str) -> str | None:
        hub = self.hub_of(url)
        return self.get(hub) if hub else None

    def get(self, hub: Hub) -> str | None:
        return self._in_use(hub)[0]

    def hub_of(self, url: str) -> Hub | None:
        """Return the hub whose exact origin `url` has."""
        return next((hub for hub, origins in self._origins.items() if origin(url) in origins), None)

    def all(self) -> set[str]:
        """Return every known token, which must not be shown anywhere."""
        sources = (self._saved, self._environment, self._from_links)
        return {token for tokens in sources for token in tokens.values()}

    def state(self, hub: Hub) -> TokenState:
        token, source = self._in_use(hub)
        ending = token[-SHOWN:] if token and len(token) > 4 * SHOWN else None
        return TokenState(
            hub=hub,
            sites=self._sites(hub),
            source=source,
            ending=ending,
            rejected=self._is_rejected(hub, token),
        )

    def is_in_use(self, url: str, authorization: str) -> bool:
        """Return whether a header carries the token in use for the hub of `url`."""
        token = self.for_url(url)
        return token is not None and authorization == f"Bearer {token}"

    def is_rejected(self, url: str) -> bool:
        """Return whether the hub of `url` has rejected the token in use for it."""
        hub = self.hub_of(url)
        return hub is not None and self._is_rejected(hub, self.get(hub))

    def reject(self, url: str) -> None:
        """Stop sending the token for the hub of `url`, which answers without it and not with it."""
        hub = self.hub_of(url)
        token = hub and self.get(hub)
        if hub and token and not self._is_rejected(hub, token):
            self._rejected[hub] = token
            log.warning(
                "a hub rejects our token, which is no longer sent: set a valid one in Settings", hub=hub.value
            )

    def _is_rejected(self, hub: Hub, token: str | None) -> bool:
        return token is not None and self._rejected.get(hub) == token

    def _sites(self, hub: Hub) -> tuple[str, ...]:
        others = CIVITAI_SITES if hub == Hub.CIVITAI else ()
        return tuple(dict.fromkeys((self.endpoints[hub], *others)))

    def save(self, hub: Hub, token: str) -> None:
        """Store a token and use it from now on. Blocks for a disk access."""
        try:
            token = usable_token(token)
        except ValueError:
            token = ""
        if not token:
            raise InvalidRequest(
                f"This cannot be a token of {NAMES[hub]}: copy it whole, without anything around it.",
                code="bad_token",
            )
        with self._writing:
            self._write({**self._saved, hub: token})
        self._rejected.pop(hub, None)

    def remove(self, hub: Hub) -> None:
        """Delete the saved token. Blocks for a disk access."""
        self._from_links.pop(hub, None)
        with self._writing:
            was_saved = hub in self._saved
            if was_saved:
                self._write({other: token for other, token in self._saved.items() if other != hub})
        if not was_saved and hub in self._environment:
            raise Conflict(
                f"This token comes from the variable {VARIABLES[hub]}: remove it there, or save another one here.",
                code="set_in_environment",
            )

    def use_from_link(self, hub: Hub, token: str) -> None:
        """Use the token of a pasted link until the next start, if there is no other."""
        if self._from_links.get(hub) != token:
            self._from_links[hub] = token
            self.added.set()

    def _in_use(self, hub: Hub) -> tuple[str | None, Source | None]:
        sources: tuple[tuple[dict[Hub, str], Source], ...] = (
            (self._saved, "saved"),
            (self._environment, "environment"),
            (self._from_links, "link"),
        )
        return next(((tokens[hub], source) for tokens, source in sources if hub in tokens), (None, None))

    def _write(self, tokens: dict[Hub, str]) -> None:
        save_persistently(self._path, json.dumps(tokens).encode(), mode=0o600)
        self._saved = tokens


def _read(path: Path) -> dict[Hub, str]:
    try:
        content = json.loads(path.read_bytes())
        return {Hub(name): str(token) for name, token in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError):
        log.warning("the saved tokens cannot be read; set them again in Settings", file=path.name)
        return {}
