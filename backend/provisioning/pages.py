"""HTML routes of provisioning."""

from typing import Annotated

from fastapi import Form, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.provisioning.dependencies import ProvisioningService
from backend.provisioning.schemas import ProvisioningView
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)


@router.get("/provisioning")
async def show(request: Request, provisioning: ProvisioningService) -> Response:
    return _page(request, await provisioning.view())


@router.post("/provisioning/run")
async def run(
    request: Request, provisioning: ProvisioningService, again: Annotated[bool, Form()] = False
) -> Response:
    response = _page(request, await provisioning.run(again=again))
    return htmx.with_toast(response, "success", "The document is being applied.")


def _page(request: Request, view: ProvisioningView) -> Response:
    template = "provisioning/_steps.html" if htmx.wants_fragment(request) else "provisioning/page.html"
    return renderer_of(request).page(request, template, {"provisioning": view})
