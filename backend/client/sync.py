"""Cloud sync."""

from datetime import datetime

from backend.client.connection import Connection, part
from backend.client.models import Model

PATH = "/api/sync"


class SyncFiles(Model):
    files: int
    bytes: int


class SyncOutcome(Model):
    kind: str
    at: datetime
    files: int
    bytes: int
    kept: int
    problem: str | None


class SyncRemote(Model):
    name: str
    endpoint: str
    region: str
    bucket: str
    prefix: str
    key_ending: str | None
    from_environment: bool
    pending: SyncFiles
    uploading: SyncFiles
    done: SyncFiles
    failed: SyncFiles
    outcomes: list[SyncOutcome]


class SyncProgress(Model):
    kind: str
    remote: str
    started_at: datetime
    files: int
    files_done: int
    bytes: int
    bytes_done: int
    current: list[str]


class SyncState(Model):
    when: str
    minutes: int
    limit: int
    remotes: list[SyncRemote]
    requested: int
    progress: SyncProgress | None
    next_seconds: float | None


class SyncClient:
    """`/api/sync`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def show(self) -> SyncState:
        return await self._connection.get(PATH, SyncState)

    async def upload(self, remote: str = "") -> SyncState:
        return await self._connection.post(f"{PATH}/upload", SyncState, json={"remote": remote})

    async def restore(self, remote: str = "") -> SyncState:
        return await self._connection.post(f"{PATH}/restore", SyncState, json={"remote": remote})

    async def cancel(self) -> SyncState:
        return await self._connection.post(f"{PATH}/cancel", SyncState)

    async def save(self, name: str, **remote: str | None) -> SyncRemote:
        return await self._connection.put(f"{PATH}/remotes/{part(name)}", SyncRemote, remote)

    async def test(self, name: str) -> None:
        await self._connection.request("POST", f"{PATH}/remotes/{part(name)}/test")

    async def remove(self, name: str) -> None:
        await self._connection.request("DELETE", f"{PATH}/remotes/{part(name)}")
