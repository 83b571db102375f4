"""WebSocket route `/ws/storage`: the view of `/api/storage` every few seconds, and a frame when model files change."""

from typing import Annotated

from fastapi import Depends, WebSocket

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.storage.dependencies import StorageService
from backend.storage.service import Storage
from backend.web.features import provided
from backend.web.socket import Channel, Frame

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN)

SECONDS = 10.0


class StorageChannel(Channel):
    """Sends the disk space and the sizes of the model folders."""

    def __init__(self) -> None:
        super().__init__("storage")

    def publish_change(self, revision: int) -> None:
        """Notify pages that their list of models is out of date."""
        self.publish({"type": "models", "revision": revision}, key="models")

    def publish_trash(self, revision: int) -> None:
        """Notify pages that their list of deleted files is out of date."""
        self.publish({"type": "trash", "revision": revision}, key="trash")


async def frame(storage: Storage) -> Frame:
    return {"type": "storage", "storage": (await storage.overview()).model_dump(mode="json")}


@router.websocket("/ws/storage")
async def watch(
    websocket: WebSocket,
    storage: StorageService,
    channel: Annotated[StorageChannel, Depends(provided(StorageChannel))],
) -> None:

    async def snapshot() -> Frame:
        return await frame(storage) | {"type": "snapshot"}

    await channel.serve(websocket, snapshot)
