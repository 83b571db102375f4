"""How routes reach the services of system."""

from typing import Annotated

from fastapi import Depends
from starlette.datastructures import URL
from starlette.requests import HTTPConnection

from backend.system.addresses import Addresses
from backend.system.comfyui import ComfyStatus
from backend.system.model_paths import ModelPaths
from backend.system.safe_mode import SafeMode
from backend.system.sampler import Sampler
from backend.system.service import System
from backend.system.services import Services
from backend.web.features import provided


def page_address(connection: HTTPConnection) -> URL:
    """Return the requested address as the browser spells it: nginx and hosts in front of it may end TLS."""
    outer = connection.headers.get("x-forwarded-proto")
    return connection.url.replace(scheme="https") if outer == "https" else connection.url


PodSampler = Annotated[Sampler, Depends(provided(Sampler))]
SystemService = Annotated[System, Depends(provided(System))]
ComfyStatusService = Annotated[ComfyStatus, Depends(provided(ComfyStatus))]
PodServices = Annotated[Services, Depends(provided(Services))]
ModelPathsService = Annotated[ModelPaths, Depends(provided(ModelPaths))]
AddressesService = Annotated[Addresses, Depends(provided(Addresses))]
SafeModeService = Annotated[SafeMode, Depends(provided(SafeMode))]
PageAddress = Annotated[URL, Depends(page_address)]
