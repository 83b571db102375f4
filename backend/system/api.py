"""JSON routes of the system: health, machine, services, logs and model folders."""

import asyncio
from typing import Annotated

from fastapi import Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field, StringConstraints

from backend import __version__
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter, PublicRouter
from backend.core.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unavailable
from backend.system.dependencies import (
    AddressesService,
    ModelPathsService,
    PageAddress,
    PodSampler,
    PodServices,
    SafeModeService,
    SystemService,
)
from backend.system.model_paths import MAX_PATH_LENGTH, MAX_PATHS
from backend.system.models import Action, Problem, Service, SystemView
from backend.system.services import MAX_LINES
from backend.web.errors import responses

public_router = PublicRouter(tags=["system"])
router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, tags=["system"])
# The log shows the password if it was generated.
logs_router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, tags=["system"])


class Health(BaseModel):
    status: str
    version: str


class Readiness(BaseModel):
    ready: bool
    missing: list[Problem]


@public_router.get("/healthz")
def healthz() -> Health:
    """Report that the control plane runs, regardless of the rest of the pod."""
    return Health(status="ok", version=__version__)


@public_router.get("/readyz", responses={503: {"model": Readiness, "description": "Something is missing."}})
async def readyz(system: SystemService, response: Response) -> Readiness:
    """Report whether the control plane can work and, if not, what is missing."""
    missing = await system.problems()
    if missing:
        response.status_code = 503
    return Readiness(ready=not missing, missing=missing)


@router.get("/api/system/services", responses=responses())
async def list_services(services: PodServices) -> list[Service]:
    """List the services of this pod; empty without a supervisor."""
    return await services.all()


@router.get("/api/system/addresses", responses=responses())
async def show_addresses(
    services: PodServices, addresses: AddressesService, page: PageAddress
) -> dict[str, str]:
    """Return the browser addresses of ComfyUI, code-server and JupyterLab, if this pod runs them."""
    return addresses.of([service.name for service in await services.all()], page)


@router.post(
    "/api/system/services/{name}/{action}", responses=responses(NotFound, Conflict, Forbidden, Unavailable)
)
async def act_on_service(name: str, action: Action, services: PodServices, sampler: PodSampler) -> Service:
    """Start, stop or restart a service. It is no error if the service is already in that state."""
    service = await services.act(name, action)
    sampler.hurry()
    return service


@logs_router.get(
    "/api/system/services/{name}/log",
    responses={**responses(NotFound), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    response_class=Response,  # of no media type, which FastAPI would declare for the errors too
)
async def show_log(
    name: str,
    services: PodServices,
    lines: Annotated[int, Query(ge=1, le=MAX_LINES)] = 200,
) -> PlainTextResponse:
    """Return the last lines that a service wrote, without colours and with secrets masked."""
    return PlainTextResponse("".join(f"{line}\n" for line in await services.log(name, lines)))


class Paths(BaseModel):
    paths: list[Annotated[str, StringConstraints(max_length=MAX_PATH_LENGTH)]] = Field(
        max_length=MAX_PATHS, description="Additional model folders, each beginning with /."
    )


@router.get("/api/system/model-paths", responses=responses())
def show_model_paths(model_paths: ModelPathsService) -> Paths:
    """Return the additional model folders chosen for this volume."""
    return Paths(paths=model_paths.chosen())


@router.put("/api/system/model-paths", responses=responses(InvalidRequest, Unavailable))
async def choose_model_paths(body: Paths, model_paths: ModelPathsService, services: PodServices) -> Paths:
    """Replace the additional model folders, and restart ComfyUI if it runs."""
    chosen = await asyncio.to_thread(model_paths.choose, body.paths)
    await services.restart_if_running("comfyui")
    return Paths(paths=chosen)


class Safety(BaseModel):
    safe_mode: bool = Field(description="Whether ComfyUI starts without custom nodes.")


@router.get("/api/system/safe-mode", responses=responses())
def show_safe_mode(safe_mode: SafeModeService) -> Safety:
    """Return whether ComfyUI starts without custom nodes."""
    return Safety(safe_mode=safe_mode.is_on())


@router.put("/api/system/safe-mode", responses=responses(Forbidden, Unavailable))
async def choose_safe_mode(body: Safety, safe_mode: SafeModeService, services: PodServices) -> Safety:
    """Set safe mode for the life of this pod, and restart ComfyUI if it runs."""
    await asyncio.to_thread(safe_mode.choose, body.safe_mode)
    await services.restart_if_running("comfyui")
    return body


@router.get("/api/system", responses=responses())
async def show(sampler: PodSampler) -> SystemView:
    """Return the current state of the machine, accelerator, services and ComfyUI."""
    return await sampler.sample()
