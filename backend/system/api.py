"""The JSON door of the system: how the pod is."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from backend import __version__
from backend.auth.access import SignedIn
from backend.system.access import SystemService
from backend.system.models import Problem, SystemView
from backend.web.errors import responses

router = APIRouter(tags=["system"])


class Health(BaseModel):
    status: str
    version: str


class Readiness(BaseModel):
    ready: bool
    missing: list[Problem]


@router.get("/healthz")
def healthz() -> Health:
    """Alive: answers as soon as the control plane runs, whatever the rest of the pod does."""
    return Health(status="ok", version=__version__)


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Something is missing."}})
def readyz(system: SystemService, response: Response) -> Readiness:
    """Able to do its work; if not, what is missing."""
    missing = system.problems()
    if missing:
        response.status_code = 503
    return Readiness(ready=not missing, missing=missing)


@router.get("/api/system", responses=responses())
async def show(system: SystemService, _session: SignedIn) -> SystemView:
    """Machine, accelerator, services and ComfyUI at this moment."""
    return await system.snapshot()
