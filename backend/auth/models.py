"""Sessions, API keys and where requests come from."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, Field

from backend.auth.principal import Scope


@dataclass(frozen=True, kw_only=True)
class Client:
    """Where a request comes from."""

    address: str = ""
    user_agent: str = ""
    # A program on this machine that does not come through nginx.
    is_local: bool = False
    # Proves an earlier sign-in from the same browser.
    device_token: str | None = None


@dataclass(kw_only=True)
class Session:
    """A sign-in with the password that has neither ended nor expired."""

    id: str
    created_at: datetime
    expires_at: datetime
    last_seen_at: datetime
    address: str
    user_agent: str


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """What a client receives for the right password."""

    session: Session
    token: str
    device_token: str


class ApiKey(BaseModel, frozen=True):
    """An API key as it is stored: its secret cannot be recovered from it."""

    id: str = Field(pattern="^[0-9a-f]{12}$")
    name: str = Field(min_length=1)
    scopes: frozenset[Scope]
    # SHA-256 of the secret.
    digest: str = Field(pattern="^[0-9a-f]{64}$")
    # Last characters of the secret, to tell keys apart.
    ending: str
    created_at: datetime
    expires_at: datetime | None = None
