"""HTML routes of cloud sync."""

from typing import Annotated

from fastapi import Form, Path, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import UpstreamError
from backend.sync.dependencies import SyncService
from backend.sync.models import FileState, When
from backend.sync.schemas import NAME, ChoiceRequest, RemoteForm
from backend.sync.service import Sync
from backend.sync.views import files_of, view_of
from backend.web import htmx
from backend.web.templating import renderer_of

MOST_FAILED = 20
WHEN = (
    (When.JOBS, "After each job"),
    (When.SCHEDULE, "On a schedule"),
    (When.MANUAL, "Only on request"),
)

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)

Name = Annotated[str, Path(pattern=NAME)]


@router.get("/sync")
async def show(request: Request, sync: SyncService) -> Response:
    template = "sync/_live.html" if htmx.wants_fragment(request) else "sync/page.html"
    return await _page(request, sync, template)


@router.post("/sync")
async def choose(request: Request, sync: SyncService, form: Annotated[ChoiceRequest, Form()]) -> Response:
    await sync.choose(form.as_choice())
    return htmx.with_toast(await _page(request, sync), "success", "Saved.")


@router.post("/sync/remotes")
async def save(request: Request, sync: SyncService, form: Annotated[RemoteForm, Form()]) -> Response:
    """Save the remote even when the test fails: the storage may be unreachable at the moment."""
    await sync.save(form.as_remote(form.name))
    return await _tested(request, sync, form.name, "Saved. The storage accepts the key.")


@router.post("/sync/remotes/{name}/test")
async def test(name: Name, request: Request, sync: SyncService) -> Response:
    return await _tested(request, sync, name, "The storage accepts the key.")


@router.post("/sync/remotes/{name}/upload")
async def upload(name: Name, request: Request, sync: SyncService) -> Response:
    sync.upload(name)
    return htmx.with_toast(await _page(request, sync), "success", "The upload begins.")


@router.post("/sync/remotes/{name}/restore")
async def restore(name: Name, request: Request, sync: SyncService) -> Response:
    sync.restore(name)
    return htmx.with_toast(await _page(request, sync), "success", "The restore begins.")


@router.delete("/sync/remotes/{name}")
async def remove(name: Name, request: Request, sync: SyncService) -> Response:
    await sync.remove(name)
    return htmx.with_toast(await _page(request, sync), "success", f"{name} is removed. Its files stay.")


@router.post("/sync/cancel")
async def cancel(request: Request, sync: SyncService) -> Response:
    await sync.cancel()
    return htmx.with_toast(await _page(request, sync), "success", "Cancelled.")


async def _tested(request: Request, sync: Sync, name: str, success: str) -> Response:
    try:
        await sync.test(name)
    except UpstreamError as error:
        return htmx.with_toast(await _page(request, sync), "error", error.message)
    return htmx.with_toast(await _page(request, sync), "success", success)


async def _page(request: Request, sync: Sync, template: str = "sync/_live.html") -> Response:
    view = await view_of(sync)
    failed = {
        remote.name: await files_of(sync, remote.name, FileState.FAILED, MOST_FAILED)
        for remote in view.remotes
        if remote.failed.files
    }
    content = {"view": view, "failed": failed, "when_choices": WHEN}
    return renderer_of(request).page(request, template, content)
