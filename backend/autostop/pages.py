"""HTML routes of automatic stop: a banner for every page, and the choice."""

from typing import Annotated

from fastapi import Form, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.autostop.dependencies import AutostopService
from backend.autostop.models import LONGEST_MINUTES, AutostopView
from backend.web import htmx
from backend.web.templating import renderer_of

CHOICES = (0, 15, 30, 60, 120, 240)

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)


@router.get("/autostop/banner")
def show_banner(request: Request, autostop: AutostopService) -> Response:
    return renderer_of(request).page(request, "autostop/_banner.html", {"autostop": autostop.view()})


@router.get("/autostop")
def show_panel(request: Request, autostop: AutostopService) -> Response:
    return _panel(request, autostop.view())


@router.post("/autostop")
async def choose(
    request: Request, autostop: AutostopService, minutes: Annotated[int, Form(ge=0, le=LONGEST_MINUTES)]
) -> Response:
    response = _panel(request, await autostop.choose(minutes))
    return htmx.with_toast(response, "success", "Saved.")


@router.post("/autostop/cancel")
def cancel(request: Request, autostop: AutostopService) -> Response:
    view = {"autostop": autostop.cancel()}
    response = renderer_of(request).page(request, "autostop/_banner.html", view)
    return htmx.with_toast(response, "success", "The idle time begins anew.")


def _panel(request: Request, autostop: AutostopView) -> Response:
    choices = sorted({*CHOICES, autostop.minutes})
    template = "autostop/_panel.html" if htmx.is_htmx(request) else "autostop/page.html"
    return renderer_of(request).page(request, template, {"autostop": autostop, "choices": choices})
