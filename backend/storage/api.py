"""JSON routes of storage."""

import asyncio
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import TypeAdapter

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, Forbidden, InvalidRequest, NotFound
from backend.storage.dependencies import StorageService, UsersOfModels, details_of
from backend.storage.listing import Filters, Order, key_of, listed, view_of
from backend.storage.models import ModelView, StorageView
from backend.web.caching import NOT_MODIFIED, Body, Responses
from backend.web.errors import responses
from backend.web.paging import Paging, page_of

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, prefix="/api/storage", tags=["storage"])

VIEWS = TypeAdapter(list[ModelView])
Search = Annotated[str, Query(max_length=200, description="Part of the path.")]
Folder = Annotated[
    str, Query(max_length=200, description="ComfyUI's name of a folder; folders below it are included.")
]


@router.get("", responses=responses())
async def overview(storage: StorageService) -> StorageView:
    """Return the disk space, and the size of each model folder."""
    return await storage.overview()


def _filters(q: Search = "", folder: Folder = "", order: Order = "path") -> Filters:
    return Filters(order=order, q=q, folder=folder)


@router.get(
    "/models", responses={**responses(InvalidRequest), **NOT_MODIFIED}, response_model=list[ModelView]
)
async def models(
    request: Request,
    storage: StorageService,
    users: UsersOfModels,
    cache: Responses,
    filters: Annotated[Filters, Depends(_filters)],
    paging: Paging,
) -> Response:
    """List the models that ComfyUI can use, a page at a time."""
    snapshot = await storage.snapshot()

    async def build() -> Body:
        found = await asyncio.to_thread(listed, snapshot, storage.models, filters)
        page = page_of(found, key_of(filters.order), paging.limit, paging.cursor)
        details = await details_of(page.items, storage, users)
        views = [view_of(file, storage.models, details) for file in page.items]
        return Body(VIEWS.dump_json(views), page.headers(request))

    return await cache.json(request, (storage.revision, users.revision()), build)


@router.delete("/models/{path:path}", status_code=204, responses=responses(Forbidden, NotFound, Conflict))
async def delete(path: str, storage: StorageService) -> None:
    """Delete a model of the workspace. To remove a file that is still being downloaded, cancel its transfer."""
    await storage.delete(path)
