"""JSON routes of cloud sync."""

from typing import Annotated

from fastapi import Path, Query, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, InvalidRequest, NotFound, Unavailable, UpstreamError
from backend.sync.dependencies import SyncService
from backend.sync.models import FileState
from backend.sync.schemas import (
    NAME,
    ChoiceRequest,
    FileView,
    RemoteRequest,
    RemoteView,
    RunRequest,
    SyncView,
)
from backend.sync.views import files_of, remote_view, view_of
from backend.web.errors import responses

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, prefix="/api/sync", tags=["sync"])

Name = Annotated[str, Path(pattern=NAME)]


@router.get("", responses=responses())
async def show(sync: SyncService) -> SyncView:
    """Return the remotes, the states of their files, and the run in progress."""
    return await view_of(sync)


@router.put("", responses=responses(Unavailable))
async def choose(body: ChoiceRequest, sync: SyncService) -> SyncView:
    """Set when files are uploaded and how fast."""
    await sync.choose(body.as_choice())
    return await view_of(sync)


@router.get("/files", responses=responses(NotFound))
async def show_files(
    sync: SyncService,
    remote: Annotated[str, Query(max_length=31)] = "",
    state: FileState | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[FileView]:
    """Return files with their states, the last changed first."""
    return await files_of(sync, remote, state, limit)


@router.post("/upload", status_code=202, responses=responses(NotFound))
async def upload(body: RunRequest, sync: SyncService) -> SyncView:
    """Upload changed files to one remote or to all."""
    sync.upload(body.remote)
    return await view_of(sync)


@router.post("/restore", status_code=202, responses=responses(NotFound))
async def restore(body: RunRequest, sync: SyncService) -> SyncView:
    """Download the files that are missing on this pod. Existing files are never replaced."""
    sync.restore(body.remote)
    return await view_of(sync)


@router.post("/cancel", responses=responses())
async def cancel(sync: SyncService) -> SyncView:
    """Cancel the run in progress. Copied files stay."""
    await sync.cancel()
    return await view_of(sync)


@router.put("/remotes/{name}", responses=responses(InvalidRequest, Conflict, Unavailable))
async def save(name: Name, body: RemoteRequest, sync: SyncService) -> RemoteView:
    """Save a remote in a file that only the owner of the control plane can read."""
    await sync.save(body.as_remote(name))
    return await remote_view(sync, sync.remotes.get(name))


@router.delete("/remotes/{name}", status_code=204, responses=responses(NotFound, Conflict, Unavailable))
async def remove(name: Name, sync: SyncService) -> Response:
    """Delete a remote and its key from this pod. Its files stay in the storage."""
    await sync.remove(name)
    return Response(status_code=204)


@router.post(
    "/remotes/{name}/test", status_code=204, responses=responses(NotFound, Unavailable, UpstreamError)
)
async def test(name: Name, sync: SyncService) -> Response:
    """Test a remote: write a small object to it. The error gives the reason of a failure."""
    await sync.test(name)
    return Response(status_code=204)
