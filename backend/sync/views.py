"""Describe cloud sync for the API and the pages."""

from backend.sync.models import FileState, Kind, Remote
from backend.sync.schemas import FileView, ProgressView, RemoteView, SyncView
from backend.sync.service import Sync


async def view_of(sync: Sync) -> SyncView:
    choice, progress = sync.remotes.choice, sync.progress
    return SyncView(
        when=choice.when,
        minutes=choice.minutes,
        limit=choice.limit,
        remotes=[await remote_view(sync, remote) for remote in sync.remotes.all()],
        requested=sync.requested,
        progress=ProgressView.of(progress) if progress else None,
        next_seconds=sync.next_seconds,
    )


async def remote_view(sync: Sync, remote: Remote) -> RemoteView:
    outcomes = [sync.outcomes[remote.name, kind] for kind in Kind if (remote.name, kind) in sync.outcomes]
    return RemoteView.of(remote, await sync.store.totals(remote.name), outcomes)


async def files_of(sync: Sync, remote: str, state: FileState | None, limit: int) -> list[FileView]:
    files = await sync.store.files(sync.remotes.get(remote).name, state, limit)
    return [
        FileView(path=file.path, bytes=file.size, state=file.state, reason=file.reason, at=file.at)
        for file in files
    ]
