"""WebSocket route `/ws/outputs`: a frame whenever an output is added, changed or deleted, or its provenance was read."""

from typing import Annotated

from fastapi import Depends, WebSocket

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.outputs.dependencies import OutputsService
from backend.web.features import provided
from backend.web.socket import Channel, Frame

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN)


class OutputsChannel(Channel):
    def __init__(self) -> None:
        super().__init__("outputs")

    def publish_change(self) -> None:
        self.publish({"type": "outputs"}, key="outputs")


@router.websocket("/ws/outputs")
async def watch(
    websocket: WebSocket,
    outputs: OutputsService,
    channel: Annotated[OutputsChannel, Depends(provided(OutputsChannel))],
) -> None:

    async def snapshot() -> Frame:
        return {"type": "snapshot", "files": len((await outputs.files()).newest_first)}

    await channel.serve(websocket, snapshot)
