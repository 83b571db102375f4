"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.system.service import System
from backend.system.services import Services


def system_of(connection: HTTPConnection) -> System:
    return cast(System, connection.app.state.system)


def services_of(connection: HTTPConnection) -> Services:
    return cast(Services, connection.app.state.services)


SystemService = Annotated[System, Depends(system_of)]
PodServices = Annotated[Services, Depends(services_of)]
