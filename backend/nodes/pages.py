"""HTML routes of custom nodes."""

from typing import Annotated

from fastapi import Form, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.nodes.dependencies import NodeName, NodesService
from backend.nodes.models import Action
from backend.nodes.schemas import NAME, VERSION, NodesView
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)


@router.get("/nodes")
async def show(request: Request, nodes: NodesService) -> Response:
    return _page(request, await nodes.view())


@router.post("/nodes/install")
async def install(
    request: Request,
    nodes: NodesService,
    source: Annotated[str, Form(min_length=1, max_length=500)],
    commit: Annotated[str, Form(pattern=f"^$|{VERSION}")] = "",
    name: Annotated[str, Form(pattern=f"^$|{NAME}")] = "",
) -> Response:
    return _page(request, await nodes.install(source, commit, name))


@router.post("/nodes/{name}/{action}")
async def act(
    name: NodeName,
    action: Action,
    request: Request,
    nodes: NodesService,
    force: Annotated[bool, Form()] = False,
) -> Response:
    match action:
        case Action.UPDATE:
            view = await nodes.update(name)
        case Action.DISABLE:
            view = await nodes.disable(name)
        case Action.ENABLE:
            view = await nodes.enable(name)
        case Action.REMOVE:
            view = await nodes.remove(name, force=force)
        case _:
            view = await nodes.view()
    return _page(request, view)


def _page(request: Request, view: NodesView) -> Response:
    template = "nodes/_list.html" if htmx.wants_fragment(request) else "nodes/page.html"
    return renderer_of(request).page(request, template, {"view": view})
