"""The HTML door of the system: the overview, and the page shown while a service starts."""

from fastapi import APIRouter, Request, Response

from backend.auth.access import SignedIn
from backend.core.errors import Unavailable
from backend.system.access import SystemService
from backend.web import htmx
from backend.web.templating import renderer_of

router = APIRouter(include_in_schema=False)

NAMES = {"comfyui": "ComfyUI", "code-server": "code-server", "jupyter": "JupyterLab"}


@router.get("/")
async def show_overview(request: Request, system: SystemService, _session: SignedIn) -> Response:
    view = {"system": await system.snapshot()}
    template = "system/_figures.html" if htmx.wants_fragment(request) else "system/page.html"
    return renderer_of(request).page(request, template, view)


@router.get("/docs")
def show_docs(request: Request, _session: SignedIn) -> Response:
    """The API, to read and to try."""
    return renderer_of(request).page(request, "web/docs.html", {})


@router.get("/_pod/starting")
def show_starting(request: Request, system: SystemService, service: str = "comfyui") -> Response:
    """nginx shows this in place of a service that does not answer."""
    name = NAMES.get(service, "The service")
    reason = _reason(system.workspace_problem())
    if "text/html" not in request.headers.get("accept", ""):
        raise Unavailable(f"{name} is not up yet. {reason}")
    view = {"name": name, "reason": reason}
    return renderer_of(request).page(request, "system/starting.html", view, status=503)


def _reason(problem: str | None) -> str:
    return (
        problem
        or "It is starting, or it has stopped and is being started again. A first start takes longest."
    )
