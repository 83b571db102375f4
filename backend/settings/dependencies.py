"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.settings.service import TokenSettings


def token_desk_of(connection: HTTPConnection) -> TokenSettings:
    return cast(TokenSettings, connection.app.state.token_settings)


TokenDeskService = Annotated[TokenSettings, Depends(token_desk_of)]
