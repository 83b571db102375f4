"""The tokens for hubs: where they come from, where they are kept, which origin each belongs to.

A token saved in Settings goes before the one in the environment. It lies in one file that only its owner
can read, takes effect at once, and is never shown again.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Literal

import structlog

from backend.config.values import usable_token
from backend.core.errors import Conflict, InvalidRequest
from backend.core.persistence import keep
from backend.sources.addresses import CIVITAI_SITES, origin

log = structlog.get_logger(__name__)

SHOWN = 4  # digits of a token that may be seen again


class Hub(StrEnum):
    """The sites that we have tokens for."""

    HUGGING_FACE = "huggingface"
    CIVITAI = "civitai"


NAMES = {Hub.HUGGING_FACE: "Hugging Face", Hub.CIVITAI: "Civitai"}
VARIABLES = {Hub.HUGGING_FACE: "HF_TOKEN", Hub.CIVITAI: "CIVITAI_TOKEN"}
Source = Literal["environment", "saved", "link"]


@dataclass(frozen=True, kw_only=True)
class TokenState:
    """What may be told about a token."""

    hub: Hub
    # Where it is sent, and nowhere else.
    sites: tuple[str, ...]
    source: Source | None
    # Its last digits.
    ending: str | None


class Tokens:
    """At most one token in use for each hub."""

    def __init__(self, path: Path, endpoints: dict[Hub, str], environment: dict[Hub, str]):
        self._path = path
        self.endpoints = endpoints
        self._origins = {hub: {origin(site) for site in self._sites(hub)} for hub in Hub}
        self._environment = environment
        self._saved = _read(path)
        self._writing = Lock()
        # Tokens that came with a pasted link; forgotten at the next start.
        self._lent: dict[Hub, str] = {}

    def for_url(self, url: str) -> str | None:
        hub = self.hub_of(url)
        return self.get(hub) if hub else None

    def get(self, hub: Hub) -> str | None:
        return self._in_use(hub)[0]

    def hub_of(self, url: str) -> Hub | None:
        """The hub whose exact origin `url` has."""
        return next((hub for hub, origins in self._origins.items() if origin(url) in origins), None)

    def known(self) -> set[str]:
        """Every token there is, to be shown nowhere."""
        kept = (self._saved, self._environment, self._lent)
        return {token for tokens in kept for token in tokens.values()}

    def state(self, hub: Hub) -> TokenState:
        token, source = self._in_use(hub)
        ending = token[-SHOWN:] if token and len(token) > 4 * SHOWN else None
        return TokenState(hub=hub, sites=self._sites(hub), source=source, ending=ending)

    def _sites(self, hub: Hub) -> tuple[str, ...]:
        others = CIVITAI_SITES if hub == Hub.CIVITAI else ()
        return tuple(dict.fromkeys((self.endpoints[hub], *others)))

    def save(self, hub: Hub, token: str) -> None:
        """Blocks for a disk access."""
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

    def remove(self, hub: Hub) -> None:
        """Forget the saved token. Blocks for a disk access."""
        self._lent.pop(hub, None)
        with self._writing:
            was_saved = hub in self._saved
            if was_saved:
                self._write({other: token for other, token in self._saved.items() if other != hub})
        if not was_saved and hub in self._environment:
            raise Conflict(
                f"This token comes from the variable {VARIABLES[hub]}: remove it there, or save another one here.",
                code="set_in_environment",
            )

    def lend(self, hub: Hub, token: str) -> None:
        """Use a token that came with a link, until the next start, if there is no other."""
        self._lent[hub] = token

    def _in_use(self, hub: Hub) -> tuple[str | None, Source | None]:
        places: tuple[tuple[dict[Hub, str], Source], ...] = (
            (self._saved, "saved"),
            (self._environment, "environment"),
            (self._lent, "link"),
        )
        return next(((kept[hub], source) for kept, source in places if hub in kept), (None, None))

    def _write(self, tokens: dict[Hub, str]) -> None:
        keep(self._path, json.dumps(tokens).encode(), mode=0o600)
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
