"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.system.service import System


def system_of(connection: HTTPConnection) -> System:
    return cast(System, connection.app.state.system)


SystemService = Annotated[System, Depends(system_of)]
