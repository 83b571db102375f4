"""HTML routes of the trash, for forms and toasts."""

from fastapi import Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.formatting import format_bytes
from backend.storage.trash.dependencies import TrashService
from backend.storage.trash.models import Moved, TrashKind
from backend.web import htmx

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)

UNDO_SECONDS = 15.0
EVENTS = {TrashKind.MODEL: "models-changed", TrashKind.OUTPUT: "outputs-changed"}


@router.post("/trash/{item_id}/restore")
async def restore(item_id: str, trash: TrashService) -> Response:
    moved = await trash.restore([item_id])
    return _with_events(_told(moved, f"Restored {names_of(moved)}."), moved)


def moved_response(moved: Moved) -> Response:
    """Return the response to a form that moved files to the trash: a toast with an Undo button."""
    message = f"Moved {names_of(moved)} to the trash, {format_bytes(moved.bytes)}."
    return _with_events(_told(moved, message, undo=True), moved)


def names_of(moved: Moved) -> str:
    """Return the name of a single file, else the number of files."""
    return moved.items[0].path if len(moved.items) == 1 else f"{len(moved.items)} files"


def _told(moved: Moved, message: str, *, undo: bool = False) -> Response:
    """Return a toast that also names the files that could not be moved."""
    response = Response(status_code=204)
    if moved.refused:
        first = moved.refused[0]
        more = f" {len(moved.refused) - 1} more files have stayed as well." if len(moved.refused) > 1 else ""
        refusal = f"{first.path}: {first.message}{more}"
        return htmx.with_toast(response, "error", f"{message} {refusal}" if moved.items else refusal)
    url = f"/trash/{moved.items[0].move_id}/restore"
    action = htmx.ToastAction(label="Undo", url=url, seconds=UNDO_SECONDS) if undo else None
    return htmx.with_toast(response, "success", message, action)


def _with_events(response: Response, moved: Moved) -> Response:
    for kind in {item.kind for item in moved.items}:
        htmx.with_event(response, EVENTS[kind])
    return htmx.with_event(response, "trash-changed")
