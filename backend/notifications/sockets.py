"""`/ws/notifications`: messages for browsers whose user has allowed notifications."""

from typing import Annotated

from fastapi import Depends, WebSocket

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.notifications.browsers import Browsers
from backend.web.features import provided
from backend.web.socket import Frame

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN)


async def _snapshot() -> Frame:
    return {"type": "snapshot"}


@router.websocket("/ws/notifications")
async def follow(websocket: WebSocket, browsers: Annotated[Browsers, Depends(provided(Browsers))]) -> None:
    await browsers.serve(websocket, _snapshot)
