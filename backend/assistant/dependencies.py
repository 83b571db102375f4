"""How routes get the service."""

from typing import Annotated

from fastapi import Depends, Request

from backend.assistant.service import Assistant
from backend.web.features import provided

AssistantService = Annotated[Assistant, Depends(provided(Assistant))]


async def _own_url(request: Request) -> str:
    """Return the URL of this control plane for a process on this machine."""
    host, port = request.scope["server"]
    return f"http://{'[' + host + ']' if ':' in host else host}:{port}"


OwnUrl = Annotated[str, Depends(_own_url)]
