"""HTML routes of storage: list and delete models."""

import asyncio
from typing import Annotated

from fastapi import Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core import clock
from backend.core.formatting import format_bytes
from backend.storage.dependencies import StorageService, UsersOfModels, details_of
from backend.storage.listing import Filters, Order, listed, view_of
from backend.storage.models import Deleted
from backend.web import htmx
from backend.web.caching import Body, Responses
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)

SHOWN = 100


@router.get("/storage")
async def show(
    request: Request,
    storage: StorageService,
    users: UsersOfModels,
    cache: Responses,
    order: Order = "size",
    q: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    snapshot, disk = await storage.snapshot(), await storage.disk_now()

    async def build() -> Body:
        found = await asyncio.to_thread(listed, snapshot, storage.models, Filters(order=order, q=q))
        details = await details_of(found[:SHOWN], storage, users)
        view = {
            "disk": disk,
            "files": len(snapshot.files),
            "bytes": sum(file.bytes for file in found),
            "found": len(found),
            "shown": [
                (view_of(file, storage.models, details), details.uses.get(file.place, []))
                for file in found[:SHOWN]
            ],
            "order": order,
            "q": q,
        }
        template = "storage/_models.html" if htmx.wants_fragment(request) else "storage/page.html"
        return Body(renderer_of(request).render(request, template, view))

    # The page shows ages in minutes.
    minute = int(clock.now().timestamp() // 60)
    return await cache.page(request, (storage.revision, users.revision(), disk, minute), build)


@router.delete("/storage/models/{path:path}")
async def delete(path: str, storage: StorageService) -> Response:
    deleted = await storage.delete(path)
    response = htmx.with_event(Response(status_code=204), "models-changed")
    return htmx.with_toast(response, "success", _message(deleted))


def _message(deleted: Deleted) -> str:
    name = deleted.file.filename
    if deleted.freed:
        return f"Deleted {name}, {format_bytes(deleted.freed)}."
    return f"Deleted {name}. No space is freed: the same content stays on disk under another name."
