"""HTML routes of the gallery: the page, older and newer files, and the details of one file."""

import asyncio
import bisect
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core import clock
from backend.core.errors import NotFound
from backend.outputs.dependencies import FiltersOf, Folder, Output, OutputsService
from backend.outputs.graph_names import graph_name, names
from backend.outputs.index import sort_key
from backend.outputs.models import Filters
from backend.outputs.service import Outputs
from backend.outputs.views import GroupBy, groups_of
from backend.storage.models import ModelFile
from backend.system.dependencies import AddressesService, PageAddress
from backend.web import htmx
from backend.web.caching import Body, Responses
from backend.web.paging import MAX_CURSOR, decode_cursor, encode_cursor, page_of
from backend.web.templating import renderer_of

router = ProtectedRouter(read=Scope.READ, write=Scope.RUN, include_in_schema=False)

STEP = 120
MOST_SHOWN = 2000


class GalleryQuery(BaseModel):
    """Parameters of a request besides the filters."""

    group: GroupBy = GroupBy.DAY
    # How many files an open page shows already.
    shown: int = Field(default=STEP, ge=1, le=MOST_SHOWN)


class PartQuery(BaseModel):
    group: GroupBy = GroupBy.DAY
    cursor: str = Field(max_length=MAX_CURSOR)
    # Key of the group that the page ends with.
    last: str = Field(default="", max_length=200)


@router.get("/outputs")
async def show(
    request: Request,
    outputs: OutputsService,
    filters: FiltersOf,
    query: Annotated[GalleryQuery, Query()],
    cache: Responses,
) -> Response:
    async def build() -> Body:
        files = await outputs.find(filters)
        view = {
            **await _part(
                outputs, filters, query.group, files[: query.shown], has_more=len(files) > query.shown
            ),
            "filters": filters,
            "workflows": await outputs.workflows(),
            "models": await outputs.models(),
            "found": len(files),
            "total": len((await outputs.files()).newest_first),
            "remaining": outputs.remaining,
        }
        template = "outputs/_gallery.html" if htmx.wants_fragment(request) else "outputs/page.html"
        return Body(renderer_of(request).render(request, template, view))

    # Headings give days relative to today.
    revision = (await outputs.revision(), outputs.remaining, clock.now().astimezone().date())
    return await cache.page(request, revision, build)


@router.get("/outputs/more")
async def show_more(
    request: Request, outputs: OutputsService, filters: FiltersOf, query: Annotated[PartQuery, Query()]
) -> Response:
    """Return the files that follow a cursor."""
    page = page_of(await outputs.find(filters), sort_key, STEP, query.cursor)
    view = await _part(outputs, filters, query.group, page.items, has_more=page.next_cursor is not None)
    return renderer_of(request).page(request, "outputs/_tiles.html", view | {"last": query.last})


@router.get("/outputs/newer")
async def show_newer(
    request: Request, outputs: OutputsService, filters: FiltersOf, query: Annotated[PartQuery, Query()]
) -> Response:
    """Return the files before a cursor, and the total number in a header."""
    files = await outputs.find(filters)
    end = bisect.bisect_left(files, decode_cursor(query.cursor), key=sort_key)
    view = await _part(outputs, filters, query.group, files[:end][:MOST_SHOWN], has_more=False)
    response = renderer_of(request).page(request, "outputs/_tiles.html", view)
    response.headers["X-Found"] = str(len(files))
    response.headers["X-Newest"] = str(view["newest"])
    return response


@router.get("/outputs/reading")
async def show_reading(request: Request, outputs: OutputsService) -> Response:
    """Return the number of files whose provenance is not read yet; nothing once all are read."""
    return renderer_of(request).page(request, "outputs/_reading.html", {"remaining": outputs.remaining})


@router.get("/outputs/details/{path:path}")
async def show_details(
    request: Request, file: Output, outputs: OutputsService, addresses: AddressesService, page: PageAddress
) -> Response:
    """Return the details of a file, and its actions."""
    comfyui = addresses.of(["comfyui"], page)["comfyui"]
    view = {
        "file": file,
        "provenance": await outputs.provenance(file),
        "editor": f"{comfyui}?template={graph_name(file.path)}",
    }
    return renderer_of(request).page(request, "outputs/_details.html", view)


@router.get("/outputs/graph/{name}.json")
async def show_graph(name: str, outputs: OutputsService, folder: Folder) -> Response:
    """Return the workflow of a file to ComfyUI's editor, which requests it as a template."""
    files = (await outputs.files()).by_path
    path = await asyncio.to_thread(lambda: next((path for path in files if names(path, name)), None))
    if path is None:
        raise NotFound("The output with this workflow was deleted, moved or renamed.")
    graph = (await outputs.raw_provenance(await asyncio.to_thread(folder.find, path))).graph
    if not graph:
        raise NotFound(f"{path} holds no workflow that the editor can open.")
    return JSONResponse(graph, headers={"Cache-Control": "no-store"})


async def _part(
    outputs: Outputs, filters: Filters, group: GroupBy, shown: Sequence[ModelFile], *, has_more: bool
) -> dict[str, Any]:
    """Return the context of the template that renders the tiles."""
    provenances = await outputs.provenance_by_path(shown)
    groups = groups_of(shown, provenances, group, clock.now().astimezone().date())
    query = {
        name: str(value)
        for name, value in {**vars(filters), "group": group}.items()
        if value not in ("", None, GroupBy.DAY)
    }
    return {
        "groups": groups,
        "group": group,
        "query": urlencode(query),
        "newest": encode_cursor(sort_key(shown[0])) if shown else "",
        "next_cursor": encode_cursor(sort_key(shown[-1])) if has_more else "",
        "last": "",
    }
