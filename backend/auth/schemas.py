"""What the API of auth takes and returns."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from backend.auth.keys import ApiKeys
from backend.auth.models import ApiKey, Session
from backend.auth.principal import Principal, PrincipalKind, Scope
from backend.config.values import LONGEST_PASSWORD

LONGEST_KEY_NAME = 60
LONGEST_KEY_DAYS = 3650


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("leave out line breaks and other invisible characters")
    return name


KeyName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_KEY_NAME),
    AfterValidator(_printable),
]


class Credentials(BaseModel):
    password: str = Field(
        min_length=1, max_length=LONGEST_PASSWORD, description="The pod's password (`ACCESS_PASSWORD`)."
    )


class AccessToken(BaseModel):
    access_token: str = Field(description="Send it as `Authorization: Bearer …`.")
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the kind of token, not one
    expires_in: int = Field(description="Seconds for which the token is valid.")


class PrincipalView(BaseModel):
    """Who makes this request."""

    kind: PrincipalKind
    name: str | None = Field(description="Name of the API key; null for the owner.")
    scopes: list[Scope]
    expires_at: datetime | None = Field(description="When the session or the key expires; null: never.")

    @classmethod
    def of(cls, principal: Principal) -> "PrincipalView":
        return cls(
            kind=principal.kind,
            name=principal.name or None,
            scopes=sorted(principal.scopes),
            expires_at=principal.expires_at,
        )


class SessionView(BaseModel):
    """A browser or program that signed in with the password."""

    id: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str = Field(
        description="Where it signed in from. Behind a host's proxy, the address of the proxy."
    )
    user_agent: str = Field(description="What it calls itself.")
    current: bool = Field(description="Whether it makes this request.")

    @classmethod
    def of(cls, session: Session, principal: Principal) -> "SessionView":
        return cls(
            id=session.id,
            created_at=session.created_at,
            last_seen_at=session.last_seen_at,
            expires_at=session.expires_at,
            address=session.address,
            user_agent=session.user_agent,
            current=session.id == principal.credential_id,
        )


class SessionList(BaseModel):
    sessions: list[SessionView]


class EndedSessions(BaseModel):
    ended: int = Field(description="How many sessions were ended.")


class ApiKeyRequest(BaseModel):
    name: KeyName = Field(description="What the key is for. Logs and activity show it.")
    scopes: frozenset[Scope] = Field(
        min_length=1,
        description="`read`: see everything but settings. `run`: presets, downloads and ComfyUI. `admin`: everything, "
        "code-server and JupyterLab included.",
    )
    expires_in_days: int | None = Field(
        default=None,
        ge=1,
        le=LONGEST_KEY_DAYS,
        description="Days for which the key is valid; null: until it is revoked.",
    )


class ApiKeyView(BaseModel):
    """An API key without its secret."""

    id: str
    name: str
    scopes: list[Scope]
    ending: str = Field(description="Last characters of the secret.")
    created_at: datetime
    expires_at: datetime | None = Field(description="Null: never.")
    last_used_at: datetime | None = Field(description="Null: not used yet.")

    @classmethod
    def of(cls, key: ApiKey, keys: ApiKeys) -> "ApiKeyView":
        return cls(
            id=key.id,
            name=key.name,
            scopes=sorted(key.scopes),
            ending=key.ending,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=keys.last_use_of(key),
        )


class ApiKeyList(BaseModel):
    keys: list[ApiKeyView]
    unreadable: list[str] = Field(description="Names of files that hold no valid key. Such keys are refused.")


class NewApiKey(BaseModel):
    key: ApiKeyView
    secret: str = Field(
        description="Send it as `Authorization: Bearer …` or `X-API-Key`. It is shown only now."
    )
