"""JSON routes of outputs, and the files themselves."""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response
from pydantic import TypeAdapter
from starlette.responses import StreamingResponse

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, InvalidRequest, NotFound, RangeOutsideFile, Unavailable
from backend.outputs.archive import check_limits, zipped
from backend.outputs.dependencies import FiltersOf, Folder, Output, OutputsService
from backend.outputs.folder import OutputFile, OutputFolder
from backend.outputs.index import sort_key
from backend.outputs.kinds import SHOWN_AS, suffix_of
from backend.outputs.models import NO_PROVENANCE, path_of
from backend.outputs.schemas import OutputFileView, Selection
from backend.storage.trash.dependencies import TrashService
from backend.storage.trash.models import TrashKind
from backend.storage.trash.schemas import MovedView
from backend.web.caching import NOT_MODIFIED, Body, Responses
from backend.web.errors import responses
from backend.web.file_response import RangedFile
from backend.web.paging import Paging, page_of

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, prefix="/api/outputs", tags=["outputs"])
# Requests a zip with POST, because a selection does not fit into a URL. It changes nothing.
reading_router = ProtectedRouter(read=Scope.READ, write=Scope.READ, prefix="/api/outputs", tags=["outputs"])

VIEWS = TypeAdapter(list[OutputFileView])
FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"*/*": {}}},
    206: {"content": {"*/*": {}}, "description": "The requested range."},
}
ZIP = "application/zip"


@router.get("", responses={**responses(InvalidRequest), **NOT_MODIFIED}, response_model=list[OutputFileView])
async def show(
    request: Request, outputs: OutputsService, cache: Responses, filters: FiltersOf, paging: Paging
) -> Response:
    """List outputs, newest first, a page at a time."""

    async def build() -> Body:
        page = page_of(await outputs.find(filters), sort_key, paging.limit, paging.cursor)
        provenances = await outputs.provenance_by_path(page.items)
        views = [
            OutputFileView.of(file, provenances.get(path_of(file), NO_PROVENANCE)) for file in page.items
        ]
        return Body(VIEWS.dump_json(views), page.headers(request))

    return await cache.json(request, await outputs.revision(), build)


@router.get(
    "/file/{path:path}",
    response_class=RangedFile,
    responses={**responses(NotFound, RangeOutsideFile), **FILES},
)
async def show_file(file: Output, download: bool = False) -> RangedFile:
    """Return a file. Answers range requests. With `download`, browsers save it."""
    return file_response(file, download=download)


@router.get("/workflow/{path:path}", responses=responses(NotFound))
async def show_workflow(file: Output, outputs: OutputsService) -> dict[str, Any]:
    """Return the prompt that made a file, and the workflow as the editor draws it. Empty where the file has no record of it."""
    raw = await outputs.raw_provenance(file)
    return {"prompt": raw.prompt, "workflow": raw.graph}


@router.delete("/file/{path:path}", responses=responses(NotFound, Conflict, Unavailable))
async def delete(path: str, trash: TrashService) -> MovedView:
    """Move a file to the trash."""
    return MovedView.of(await trash.move(TrashKind.OUTPUT, [path]), trash.days)


@reading_router.post(
    "/zip",
    response_class=StreamingResponse,
    responses={**responses(NotFound), 200: {"content": {ZIP: {}}}},
)
async def download_zip(selection: Selection, folder: Folder) -> StreamingResponse:
    """Stream files as one zip."""
    return await zip_response(folder, selection.paths)


def file_response(file: OutputFile, *, download: bool = False) -> RangedFile:
    """Return the file, inline only where a browser cannot interpret it as a page or a script."""
    shown_as = SHOWN_AS.get(suffix_of(file.path))
    inline = shown_as is not None and not download
    return RangedFile(
        file.real_path,
        media_type=shown_as or "application/octet-stream",
        filename=file.name,
        content_disposition_type="inline" if inline else "attachment",
        headers={"Cache-Control": "private, no-cache"},
    )


async def zip_response(folder: OutputFolder, paths: Sequence[str]) -> StreamingResponse:
    files = await asyncio.to_thread(lambda: [folder.find(path) for path in dict.fromkeys(paths)])
    check_limits(files)
    name = f"outputs-{len(files)}.zip"
    return StreamingResponse(
        zipped(files),
        media_type=ZIP,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
