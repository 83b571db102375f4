"""What a sign-in is."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from backend.config.values import LONGEST_PASSWORD


class Credentials(BaseModel):
    password: str = Field(
        min_length=1, max_length=LONGEST_PASSWORD, description="The pod's password (`ACCESS_PASSWORD`)."
    )


class AccessToken(BaseModel):
    access_token: str = Field(description="Send it as `Authorization: Bearer …`.")
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the kind of token, not one
    expires_in: int = Field(description="Seconds for which the token is good.")


class Session(BaseModel):
    """A sign-in that was found to be valid."""

    expires_at: datetime
