"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.settings.service import TokenDesk


def token_desk_of(connection: HTTPConnection) -> TokenDesk:
    return cast(TokenDesk, connection.app.state.token_desk)


TokenDeskService = Annotated[TokenDesk, Depends(token_desk_of)]
