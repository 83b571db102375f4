"""`/ws/activity?after=SEQ`: what followed SEQ, then each entry as it is recorded; no gap and no repetition."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import Depends, Query, WebSocket

from backend.activity.dependencies import ActivityLog
from backend.activity.service import Activity
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.web.features import provided
from backend.web.socket import Channel, Frame

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN)

SNAPSHOT_ENTRIES = 100


class ActivityChannel(Channel):
    """Sends the log as it grows."""

    def __init__(self) -> None:
        super().__init__("activity")


@router.websocket("/ws/activity")
async def follow(
    websocket: WebSocket,
    activity: ActivityLog,
    channel: Annotated[ActivityChannel, Depends(provided(ActivityChannel))],
    after: Annotated[int | None, Query(ge=0, lt=2**62)] = None,
) -> None:
    await channel.stream(websocket, _frames(activity, after))


async def _frames(activity: Activity, after: int | None) -> AsyncGenerator[Frame, None]:
    kind = "snapshot"
    async with aclosing(activity.follow(after, SNAPSHOT_ENTRIES)) as logs:
        async for log in logs:
            yield {"type": kind, **log.model_dump(mode="json")}
            kind = "entries"
