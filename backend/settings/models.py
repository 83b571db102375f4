"""Requests and responses about tokens. No response contains a token."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from backend.config.values import LONGEST_TOKEN
from backend.sources.tokens import Hub


class TokenRequest(BaseModel):
    """A token to save."""

    token: SecretStr = Field(max_length=LONGEST_TOKEN, description="The whole token, as the hub shows it.")


class TokenView(BaseModel):
    """The token for a hub, without its secret."""

    hub: Hub
    name: str = Field(description="The name of the hub for display.")
    sites: tuple[str, ...] = Field(description="The only hosts that the token is sent to.")
    source: Literal["environment", "saved", "link"] | None = Field(
        description="Where the token comes from; `link`: from a pasted URL, until the next start. Null: there is none."
    )
    ending: str | None = Field(description="Its last characters; null for short tokens.")
    rejected: bool = Field(description="Whether the hub rejects it. Then it is not sent any more.")
    variable: str = Field(description="The environment variable that also sets it.")
    page: str = Field(description="The page of the hub that creates tokens.")


class TokenVerdict(BaseModel):
    """The result of testing a token."""

    hub: Hub
    accepted: bool
    account: str | None = Field(description="The account that owns the token.")
    message: str
