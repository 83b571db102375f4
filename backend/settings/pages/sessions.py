"""HTML routes of sessions."""

from typing import Any

from fastapi import Request, Response

from backend.auth.dependencies import AuthenticationService, CurrentPrincipal
from backend.auth.principal import Scope, current_principal
from backend.auth.routing import ProtectedRouter
from backend.auth.schemas import SessionView
from backend.auth.sessions import Sessions
from backend.web.htmx import PageRoute, with_toast
from backend.web.templating import renderer_of

router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, include_in_schema=False, route_class=PageRoute)


def sessions_view(sessions: Sessions) -> dict[str, Any]:
    principal = current_principal()
    return {"sessions": [SessionView.of(session, principal) for session in sessions.all()]}


@router.delete("/settings/sessions/{session_id}")
async def end_session(session_id: str, request: Request, authentication: AuthenticationService) -> Response:
    await authentication.sessions.end(session_id)
    return with_toast(_fragment(request, authentication.sessions), "success", "The session has ended.")


@router.post("/settings/sessions/end-others")
async def end_other_sessions(
    request: Request, principal: CurrentPrincipal, authentication: AuthenticationService
) -> Response:
    ended = await authentication.sessions.end_others(principal.credential_id)
    message = f"{ended} other sessions have ended." if ended != 1 else "The other session has ended."
    return with_toast(_fragment(request, authentication.sessions), "success", message)


def _fragment(request: Request, sessions: Sessions) -> Response:
    return renderer_of(request).page(request, "settings/_sessions.html", {"view": sessions_view(sessions)})
