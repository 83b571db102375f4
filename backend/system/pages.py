"""HTML routes of the system: the overview, the services with their logs, and the page shown while a service starts."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.disk import Disk
from backend.core.errors import NotFound, Unavailable
from backend.system.comfyui_runs import COMFYUI
from backend.system.dependencies import (
    AddressesService,
    ComfyStatusService,
    ModelPathsService,
    PageAddress,
    PodSampler,
    PodServices,
    SafeModeService,
    SystemService,
)
from backend.system.model_paths import MAX_PATH_LENGTH, MAX_PATHS
from backend.system.models import Action, SystemView
from backend.system.services import MAX_LINES
from backend.system.supervisor import TITLES
from backend.web import htmx
from backend.web.features import provided
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)
logs_router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, include_in_schema=False)

RESULTS = {Action.START: "is starting", Action.STOP: "was stopped", Action.RESTART: "is restarting"}
STARTING = "It is starting or restarting. The first start takes longest."
CRASHED = "It has crashed and will be restarted. Its log on the Services page shows the reason."
NO_RESPONSE = "It does not answer."
UNAVAILABLE_REASONS = {
    "stopped": "It was stopped. Start it on the Services page.",
    "backoff": CRASHED,
    "exited": CRASHED,
    "fatal": "It has crashed too often. The Services page shows the reason and starts it again.",
    "unknown": "This pod does not run it.",
}


@dataclass(frozen=True)
class Development:
    """Whether the pages for developers exist."""

    enabled: bool


def why_away(system: SystemView) -> str:
    """Return why ComfyUI does not answer, in a sentence."""
    return UNAVAILABLE_REASONS.get(system.comfyui.state, STARTING) if system.services else NO_RESPONSE


class ServicesPage:
    """Renders the services and everything that belongs to ComfyUI's start."""

    def __init__(
        self,
        services: PodServices,
        comfyui: ComfyStatusService,
        system: SystemService,
        safe_mode: SafeModeService,
        addresses: AddressesService,
        address: PageAddress,
    ):
        self._services, self._comfyui = services, comfyui
        self._addresses, self._address = addresses, address
        self._system, self._safe_mode = system, safe_mode

    async def page(self, request: Request) -> Response:
        template = "system/_services.html" if htmx.wants_fragment(request) else "system/services.html"
        services = await self._services.all()
        view = {
            "services": services,
            "addresses": self._addresses.of([service.name for service in services], self._address),
            "comfyui": await self._comfyui.read(services),
            "hooks": self._system.hooks(),
            "safe_mode": self._safe_mode.is_on(),
        }
        return renderer_of(request).page(request, template, view)


ServicesView = Annotated[ServicesPage, Depends()]


@router.post("/model-paths")
async def choose_model_paths(
    request: Request,
    model_paths: ModelPathsService,
    services: PodServices,
    paths: Annotated[str, Form(max_length=MAX_PATHS * MAX_PATH_LENGTH)] = "",
) -> Response:
    chosen = await asyncio.to_thread(model_paths.choose, paths.splitlines())
    restarts = await services.restart_if_running("comfyui")
    response = renderer_of(request).page(request, "system/_model_paths.html", {"view": {"paths": chosen}})
    return htmx.with_toast(response, "success", "ComfyUI is restarting." if restarts else "Saved.")


@router.get("/services")
async def show_services(request: Request, view: ServicesView) -> Response:
    return await view.page(request)


@router.post("/safe-mode")
async def choose_safe_mode(
    request: Request,
    services: PodServices,
    safe_mode: SafeModeService,
    view: ServicesView,
    on: Annotated[bool, Form()],
) -> Response:
    await asyncio.to_thread(safe_mode.choose, on)
    await services.restart_if_running("comfyui")
    response = await view.page(request)
    how = "without custom nodes" if on else "with its custom nodes"
    return htmx.with_toast(response, "success", f"ComfyUI now starts {how}.")


@logs_router.get("/services/{name}")
async def show_log(
    name: str, request: Request, services: PodServices, addresses: AddressesService, address: PageAddress
) -> Response:
    service = await services.get(name)
    open_at = addresses.of([name], address).get(name) if service.state == "running" else None
    view = {"service": service, "most_lines": MAX_LINES, "open_at": open_at}
    return renderer_of(request).page(request, "system/log.html", view)


@router.post("/services/{name}/{action}")
async def act_on_service(
    name: str,
    action: Action,
    request: Request,
    services: PodServices,
    sampler: PodSampler,
    view: ServicesView,
) -> Response:
    service = await services.act(name, action)
    sampler.hurry()
    response = await view.page(request)
    return htmx.with_toast(response, "success", f"{service.title} {RESULTS[action]}.")


@router.get("/docs")
def show_docs(request: Request) -> Response:
    """Show the interactive documentation of the API."""
    return renderer_of(request).page(request, "web/docs.html", {})


@router.get("/styleguide")
def show_styleguide(
    request: Request, development: Annotated[Development, Depends(provided(Development))]
) -> Response:
    """Show every component in every theme."""
    if not development.enabled:
        raise NotFound("There is nothing at /styleguide. Set DEVELOPMENT=1 to see it.")
    disk = Disk(total=300 * 10**9, used=270 * 10**9, free=25 * 10**9)
    return renderer_of(request).page(request, "web/styleguide.html", {"disk": disk})


@router.get("/_pod/starting")
async def show_starting(
    request: Request,
    system: SystemService,
    services: PodServices,
    comfyui: ComfyStatusService,
    service: str = COMFYUI,
) -> Response:
    """Show why a service does not answer; nginx sends this page in its place."""
    name = TITLES.get(service, "The service")
    waits = system.why_comfyui_waits() or comfyui.why_down() if service == COMFYUI else None
    reason = waits or UNAVAILABLE_REASONS.get(await services.state(service), STARTING)
    if "text/html" not in request.headers.get("accept", ""):
        raise Unavailable(f"{name} is not ready yet. {reason}")
    view = {"name": name, "reason": reason}
    return renderer_of(request).page(request, "system/starting.html", view, status=503)
