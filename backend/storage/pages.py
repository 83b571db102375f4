"""The HTML door of storage: every model, and how to get rid of it."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.formatting import format_bytes
from backend.storage.dependencies import StorageService, UsersOfModels
from backend.storage.models import ModelView
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)

SHOWN = 200

Order = Literal["size", "newest", "name"]
ORDERS: dict[Order, Callable[[ModelView], Any]] = {
    "size": lambda model: (-model.bytes, model.path),
    "newest": lambda model: (-model.modified_at.timestamp(), model.path),
    "name": lambda model: (model.filename.lower(), model.path),
}


@router.get("/storage")
async def show(
    request: Request,
    storage: StorageService,
    users: UsersOfModels,
    order: Order = "size",
    q: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    models = await storage.views(users)
    found = sorted((model for model in models if q.lower() in model.path.lower()), key=ORDERS[order])
    view = {
        "disk": storage.disk(),
        "files": len(models),
        "bytes": sum(model.bytes for model in found),
        "found": len(found),
        "shown": found[:SHOWN],
        "order": order,
        "q": q,
    }
    template = "storage/_models.html" if htmx.wants_fragment(request) else "storage/page.html"
    return renderer_of(request).page(request, template, view)


@router.delete("/storage/models/{path:path}")
async def delete(path: str, storage: StorageService) -> Response:
    file = await storage.delete(path)
    response = htmx.with_event(Response(status_code=204), "models-changed")
    return htmx.with_toast(response, "success", f"Deleted {file.filename}, {format_bytes(file.bytes)}.")
