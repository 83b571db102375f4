"""`/ws/assistant/{id}?after=NUMBER`: the events after NUMBER, then each new one."""

from typing import Annotated

from fastapi import Depends, Query, WebSocket

from backend.assistant.dependencies import AssistantService
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.web.features import provided
from backend.web.socket import Channel

router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN)


class AssistantChannel(Channel):
    """The channel of one conversation."""

    def __init__(self) -> None:
        super().__init__("assistant")


@router.websocket("/ws/assistant/{conversation_id}")
async def follow(
    websocket: WebSocket,
    conversation_id: str,
    assistant: AssistantService,
    channel: Annotated[AssistantChannel, Depends(provided(AssistantChannel))],
    after: Annotated[int | None, Query(ge=0, lt=2**62)] = None,
) -> None:
    await (await assistant.store()).get(conversation_id)  # before the handshake, so that it can be refused
    await channel.stream(websocket, assistant.frames(conversation_id, after))
