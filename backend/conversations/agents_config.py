"""The configuration of the agents process: settings and secrets in a file that only its owner can read."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from backend.core.files import write_atomically

FOLDER = "assistant"
DATABASE, CONFIG_FILE, LOCK = "conversations.db", "agents-config.json", "in-use"
DEFAULT_MODEL = "claude-sonnet-5-5"
DEFAULT_PROVIDER = "anthropic"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much a conversation may use before it stops; 0 is no limit."""

    tokens: int = 2_000_000
    dollars: float = 5.0
    dollars_a_day: float = 20.0
    # Of one turn.
    requests: int = 50
    minutes: int = 30
    # Calls of one tool with the same arguments, in one turn.
    identical_calls: int = 3


@dataclass(frozen=True, kw_only=True)
class AgentsConfig:
    """The content of the file. Secrets do not appear in its representation."""

    provider: str = DEFAULT_PROVIDER
    model: str = DEFAULT_MODEL
    # Of the provider; empty for its usual address.
    base_url: str = ""
    provider_key: str = field(default="", repr=False)
    pod_url: str
    # An API key of the control plane, with the scopes that the owner chose.
    pod_key: str = field(default="", repr=False)
    # Requests to the agents process carry it.
    secret: str = field(repr=False)
    limits: Limits = field(default_factory=Limits)


def write(path: Path, config: AgentsConfig) -> None:
    """Replace the file. Raise OSError when it cannot be written. Blocks."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, json.dumps(asdict(config)).encode(), 0o600)


def read(path: Path) -> AgentsConfig:
    """Return the content of the file. Raise OSError or ValueError when there is none. Blocks."""
    content = json.loads(path.read_bytes())
    return AgentsConfig(**{**content, "limits": Limits(**content["limits"])})
