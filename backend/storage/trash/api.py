"""JSON routes of the trash."""

from fastapi import Query, Request, Response
from pydantic import TypeAdapter

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, InvalidRequest, NotFound, Unavailable
from backend.storage.trash.dependencies import TrashService
from backend.storage.trash.models import TrashItem, TrashKind
from backend.storage.trash.schemas import Freed, MovedView, RestoreRequest, TrashItemView, TrashRequest
from backend.web.caching import NOT_MODIFIED, Body, Responses
from backend.web.errors import responses
from backend.web.paging import Paging, SortKey, page_of

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, prefix="/api/trash", tags=["trash"])

VIEWS = TypeAdapter(list[TrashItemView])


@router.get("", responses={**responses(InvalidRequest), **NOT_MODIFIED}, response_model=list[TrashItemView])
async def show(
    request: Request,
    trash: TrashService,
    cache: Responses,
    paging: Paging,
    kind: TrashKind | None = Query(default=None, description="Default: all."),  # noqa: B008
) -> Response:
    """List the files in the trash, the newest first, a page at a time."""
    items = await trash.items()

    async def build() -> Body:
        found = [item for item in items if kind in (None, item.kind)]
        page = page_of(found, _newest_first, paging.limit, paging.cursor)
        views = [TrashItemView.of(item, trash.days) for item in page.items]
        return Body(VIEWS.dump_json(views), page.headers(request))

    return await cache.json(request, trash.revision, build)


@router.post("", responses=responses(NotFound, Conflict, Unavailable))
async def move(body: TrashRequest, trash: TrashService) -> MovedView:
    """Move files to the trash. They can be restored until they expire."""
    return MovedView.of(await trash.move(body.kind, body.paths), trash.days)


@router.post("/restore", responses=responses(NotFound))
async def restore(body: RestoreRequest, trash: TrashService) -> MovedView:
    """Restore files to their original paths. A file whose path is taken stays in the trash."""
    return MovedView.of(await trash.restore(body.ids), trash.days)


@router.delete("", responses=responses())
async def empty(trash: TrashService) -> Freed:
    """Empty the trash: delete all files permanently."""
    return Freed(freed=await trash.empty())


@router.delete("/{item_id}", responses=responses(NotFound))
async def delete(item_id: str, trash: TrashService) -> Freed:
    """Permanently delete one file, or all files that were moved together."""
    return Freed(freed=await trash.delete([item_id]))


def _newest_first(item: TrashItem) -> SortKey:
    move, _, number = item.id.partition("-")
    return (-int(move, 16), int(number))
