"""HTML routes for the models that a user has selected."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import Form, Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import AppError
from backend.core.formatting import format_bytes
from backend.core.model_folders import MODEL_FOLDERS
from backend.core.names import clean_folder
from backend.storage.arrangement import freed_by
from backend.storage.dependencies import StorageService, VerificationsService
from backend.storage.trash.dependencies import TrashService
from backend.storage.trash.models import TrashKind
from backend.storage.trash.pages import moved_response
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)

MAX_PATHS = 5000
Paths = Annotated[Sequence[str], Form(alias="path", max_length=MAX_PATHS)]


@router.post("/storage/selected")
async def show(request: Request, storage: StorageService, paths: Paths = ()) -> Response:
    """Return the bar with what deleting the selected files frees."""
    files = await storage.at(paths)
    view = {
        "files": files,
        "paths": paths,
        "bytes": sum(file.bytes for file in files),
        "freed": await asyncio.to_thread(freed_by, files),
        "folders": sorted(MODEL_FOLDERS),
    }
    return renderer_of(request).page(request, "storage/_selected.html", view)


@router.post("/storage/selected/trash")
async def move_to_trash(trash: TrashService, paths: Paths) -> Response:
    return htmx.with_event(moved_response(await trash.move(TrashKind.MODEL, paths)), "selection-done")


@router.post("/storage/selected/verify")
async def verify(storage: StorageService, verifications: VerificationsService, paths: Paths) -> Response:
    count = verifications.add(await storage.at(paths))
    return htmx.with_toast(_changed(), "info", f"Verifying {_files(count)}, one after the other.")


@router.post("/storage/selected/link")
async def link_copies(storage: StorageService, paths: Paths) -> Response:
    count, freed = await storage.link_copies(await storage.at(paths))
    if not count:
        nothing = "None of the selected files is known to be a copy of another one. Verify them first."
        return htmx.with_toast(_changed(), "info", nothing)
    return htmx.with_toast(_changed(), "success", f"Linked {_files(count)}, {format_bytes(freed)} freed.")


@router.post("/storage/selected/move")
async def move(
    storage: StorageService, paths: Paths, folder: Annotated[str, Form(max_length=255)]
) -> Response:
    folder, moved, problems = clean_folder(folder), 0, list[str]()
    for path in paths:
        try:
            await storage.move(path, folder)
            moved += 1
        except AppError as error:
            problems.append(error.message)
    message = f"Moved {_files(moved)} to {folder}. {' '.join(problems)}"
    return htmx.with_toast(_changed(), "error" if problems else "success", message.strip())


@router.post("/trash/delete")
async def delete_for_good(
    trash: TrashService, ids: Annotated[list[str], Query(alias="id", max_length=MAX_PATHS)]
) -> Response:
    freed = await trash.delete(ids)
    return htmx.with_toast(_trash_changed(), "success", f"Deleted for good, {format_bytes(freed)} freed.")


@router.post("/trash/empty")
async def empty_trash(trash: TrashService) -> Response:
    freed = await trash.empty()
    return htmx.with_toast(_trash_changed(), "success", f"Emptied the trash, {format_bytes(freed)} freed.")


def _files(count: int) -> str:
    return f"{count} {'file' if count == 1 else 'files'}"


def _changed() -> Response:
    """Return a response that ends the selection and reloads the list."""
    return htmx.with_event(htmx.with_event(Response(status_code=204), "models-changed"), "selection-done")


def _trash_changed() -> Response:
    return htmx.with_event(Response(status_code=204), "trash-changed")
