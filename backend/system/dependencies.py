"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.datastructures import URL
from starlette.requests import HTTPConnection

from backend.system.addresses import Addresses
from backend.system.model_paths import ModelPaths
from backend.system.safe_mode import SafeMode
from backend.system.service import System
from backend.system.services import Services


def system_of(connection: HTTPConnection) -> System:
    return cast(System, connection.app.state.system)


def services_of(connection: HTTPConnection) -> Services:
    return cast(Services, connection.app.state.services)


def model_paths_of(connection: HTTPConnection) -> ModelPaths:
    return cast(ModelPaths, connection.app.state.model_paths)


def safe_mode_of(connection: HTTPConnection) -> SafeMode:
    return cast(SafeMode, connection.app.state.safe_mode)


def addresses_of(connection: HTTPConnection) -> Addresses:
    return cast(Addresses, connection.app.state.addresses)


def page_of(connection: HTTPConnection) -> URL:
    """What was asked for, the way the browser spells it: nginx and hosts in front of it may have taken TLS off."""
    outer = connection.headers.get("x-forwarded-proto")
    return connection.url.replace(scheme="https") if outer == "https" else connection.url


SystemService = Annotated[System, Depends(system_of)]
PodServices = Annotated[Services, Depends(services_of)]
MorePaths = Annotated[ModelPaths, Depends(model_paths_of)]
WaysIn = Annotated[Addresses, Depends(addresses_of)]
Page = Annotated[URL, Depends(page_of)]
ChosenSafety = Annotated[SafeMode, Depends(safe_mode_of)]
