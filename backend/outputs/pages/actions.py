"""HTML routes of the buttons of the gallery."""

from typing import Annotated, Literal

from fastapi import Form, Response
from pydantic import BaseModel, Field

from backend.auth.dependencies import CurrentPrincipal
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.outputs.api import zip_response
from backend.outputs.dependencies import Folder, Output, RunsService
from backend.outputs.schemas import MAX_SELECTED, OutputPath
from backend.storage.trash.dependencies import TrashService
from backend.storage.trash.models import TrashKind
from backend.storage.trash.pages import moved_response
from backend.web import htmx

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)
run_router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)
reading_router = ProtectedRouter(read=Scope.READ, write=Scope.READ, include_in_schema=False)


class Selected(BaseModel):
    path: list[OutputPath] = Field(min_length=1, max_length=MAX_SELECTED)


@router.post("/outputs/trash")
async def move_to_trash(form: Annotated[Selected, Form()], trash: TrashService) -> Response:
    return moved_response(await trash.move(TrashKind.OUTPUT, form.path))


@reading_router.post("/outputs/zip")
async def download_zip(form: Annotated[Selected, Form()], folder: Folder) -> Response:
    """Send the selected files as one zip. A plain form, so that the browser saves it while it arrives."""
    return await zip_response(folder, form.path)


@run_router.post("/outputs/again/{path:path}")
async def run_again(
    file: Output,
    runs: RunsService,
    principal: CurrentPrincipal,
    seed: Annotated[Literal["same", "new"], Form()] = "same",
) -> Response:
    job = await runs.again(file, principal.label, new_seed=seed == "new")
    message = f"Queued {job.name}. What it makes appears here."
    return htmx.with_toast(Response(status_code=204), "success", message)
