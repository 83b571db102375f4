"""What is shown of tokens: never the token itself."""

from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from backend.config.values import LONGEST_TOKEN
from backend.sources.tokens import Hub


class TokenRequest(BaseModel):
    """A token to keep."""

    token: SecretStr = Field(max_length=LONGEST_TOKEN, description="As the hub shows it, whole.")


class TokenView(BaseModel):
    """What may be told about the token for a hub."""

    hub: Hub
    name: str = Field(description="The hub's name, for people.")
    sites: tuple[str, ...] = Field(description="Where the token is sent, and nowhere else.")
    source: Literal["environment", "saved", "link"] | None = Field(
        description="Where the token in use comes from; `link`: from a pasted one, until the next start. Null: there is none."
    )
    ending: str | None = Field(description="Its last digits; null for short ones.")
    variable: str = Field(description="The variable that it can also be set with.")
    page: str = Field(description="Where the hub makes tokens.")


class TokenVerdict(BaseModel):
    """What a hub says to its token."""

    hub: Hub
    accepted: bool
    account: str | None = Field(description="Whose token it is.")
    message: str
