"""The JSON door of the system: how the pod is."""

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
    PodServices,
    SafeModeService,
    SystemService,
)
from backend.system.model_paths import LONGEST_PATH, MOST_PATHS
from backend.system.models import Action, Problem, Service, SystemView
from backend.system.services import MOST_LINES
from backend.web.errors import responses

public_router = PublicRouter(tags=["system"])
router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, tags=["system"])
# A log shows the password where one was generated.
logs_router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, tags=["system"])


class Health(BaseModel):
    status: str
    version: str


class Readiness(BaseModel):
    ready: bool
    missing: list[Problem]


@public_router.get("/healthz")
def healthz() -> Health:
    """Alive: answers as soon as the control plane runs, whatever the rest of the pod does."""
    return Health(status="ok", version=__version__)


@public_router.get("/readyz", responses={503: {"model": Readiness, "description": "Something is missing."}})
async def readyz(system: SystemService, response: Response) -> Readiness:
    """Able to do its work; if not, what is missing."""
    missing = await system.problems()
    if missing:
        response.status_code = 503
    return Readiness(ready=not missing, missing=missing)


@router.get("/api/system/services", responses=responses())
async def list_services(services: PodServices) -> list[Service]:
    """Every service that this pod runs; empty where there is no supervisor."""
    return await services.all()


@router.get("/api/system/addresses", responses=responses())
async def show_addresses(
    services: PodServices, addresses: AddressesService, page: PageAddress
) -> dict[str, str]:
    """Where ComfyUI, code-server and JupyterLab are opened in a browser, as far as this pod runs them."""
    return addresses.of([service.name for service in await services.all()], page)


@router.post(
    "/api/system/services/{name}/{action}", responses=responses(NotFound, Conflict, Forbidden, Unavailable)
)
async def act_on_service(name: str, action: Action, services: PodServices) -> Service:
    """Start, stop or restart a service. Asking for what is already so is no error."""
    return await services.act(name, action)


@logs_router.get(
    "/api/system/services/{name}/log",
    responses={**responses(NotFound), 200: {"content": {"text/plain": {}}}},
    response_class=PlainTextResponse,
)
async def show_log(
    name: str,
    services: PodServices,
    lines: Annotated[int, Query(ge=1, le=MOST_LINES)] = 200,
) -> str:
    """The last lines that a service wrote, without colours and with secrets masked."""
    return "".join(f"{line}\n" for line in await services.log(name, lines))


class Paths(BaseModel):
    paths: list[Annotated[str, StringConstraints(max_length=LONGEST_PATH)]] = Field(
        max_length=MOST_PATHS, description="Folders with models besides ComfyUI's own, each beginning with /."
    )


@router.get("/api/system/model-paths", responses=responses())
def show_model_paths(model_paths: ModelPathsService) -> Paths:
    """More folders in which ComfyUI looks for models, as chosen for this volume."""
    return Paths(paths=model_paths.chosen())


@router.put("/api/system/model-paths", responses=responses(InvalidRequest, Unavailable))
async def choose_model_paths(wanted: Paths, model_paths: ModelPathsService, services: PodServices) -> Paths:
    """Replace the choice and restart ComfyUI, if it runs, so that it looks there."""
    chosen = await asyncio.to_thread(model_paths.choose, wanted.paths)
    await services.restart_if_running("comfyui")
    return Paths(paths=chosen)


class Safety(BaseModel):
    safe_mode: bool = Field(description="Whether ComfyUI starts without custom nodes.")


@router.get("/api/system/safe-mode", responses=responses())
def show_safe_mode(safe_mode: SafeModeService) -> Safety:
    return Safety(safe_mode=safe_mode.is_on())


@router.put("/api/system/safe-mode", responses=responses(Forbidden, Unavailable))
async def choose_safe_mode(wanted: Safety, safe_mode: SafeModeService, services: PodServices) -> Safety:
    """Choose for as long as this pod lives, and restart ComfyUI, if it runs, so that it starts that way."""
    await asyncio.to_thread(safe_mode.choose, wanted.safe_mode)
    await services.restart_if_running("comfyui")
    return wanted


@router.get("/api/system", responses=responses())
async def show(system: SystemService) -> SystemView:
    """Machine, accelerator, services and ComfyUI at this moment."""
    return await system.snapshot()
