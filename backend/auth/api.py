"""JSON routes: sign in and out, sessions, API keys."""

from datetime import timedelta

from fastapi import Request, Response

from backend.auth.dependencies import (
    SAME_SITE,
    AuthenticationService,
    CurrentPrincipal,
    RequestClient,
    forget_session,
    set_cookies,
)
from backend.auth.principal import PrincipalKind, Scope
from backend.auth.routing import ProtectedRouter, PublicRouter
from backend.auth.schemas import (
    AccessToken,
    ApiKeyList,
    ApiKeyRequest,
    ApiKeyView,
    Credentials,
    EndedSessions,
    NewApiKey,
    PrincipalView,
    SessionList,
    SessionView,
)
from backend.core import clock
from backend.core.errors import (
    CannotRecord,
    Conflict,
    Forbidden,
    NotFound,
    SignInRequired,
    TooManyRequests,
    Unavailable,
)
from backend.web.errors import responses

public_router = PublicRouter(prefix="/api/auth", tags=["auth"])
router = ProtectedRouter(read=None, write=None, prefix="/api/auth", tags=["auth"])
sessions_router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, prefix="/api/sessions", tags=["auth"])
keys_router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, prefix="/api/keys", tags=["auth"])


@public_router.post(
    "/login", responses=responses(SignInRequired, Forbidden, TooManyRequests), dependencies=[SAME_SITE]
)
async def login(
    credentials: Credentials,
    request: Request,
    response: Response,
    client: RequestClient,
    authentication: AuthenticationService,
) -> AccessToken:
    """Exchange the password for a token, which also comes as a cookie."""
    sign_in = await authentication.sign_in(credentials.password, client)
    set_cookies(request, response, sign_in)
    left = sign_in.session.expires_at - clock.now()
    return AccessToken(access_token=sign_in.token, expires_in=round(left.total_seconds()))


@router.post("/logout", status_code=204, responses=responses(Conflict, CannotRecord))
async def logout(
    principal: CurrentPrincipal, response: Response, authentication: AuthenticationService
) -> None:
    """End the session and revoke its token."""
    if principal.kind is PrincipalKind.KEY:
        raise Conflict("An API key has no session to end. Revoke it with `DELETE /api/keys/{id}`.")
    await authentication.sessions.end(principal.credential_id)
    forget_session(response)


@router.get("/me", responses=responses())
async def me(principal: CurrentPrincipal) -> PrincipalView:
    """Return who makes this request and what they may do."""
    return PrincipalView.of(principal)


@sessions_router.get("", responses=responses())
async def list_sessions(principal: CurrentPrincipal, authentication: AuthenticationService) -> SessionList:
    """Return who is signed in with the password, the last seen first."""
    sessions = authentication.sessions.all()
    return SessionList(sessions=[SessionView.of(session, principal) for session in sessions])


@sessions_router.delete("", responses=responses(CannotRecord))
async def end_other_sessions(
    principal: CurrentPrincipal, authentication: AuthenticationService
) -> EndedSessions:
    """End every session except the one that makes this request."""
    return EndedSessions(ended=await authentication.sessions.end_others(principal.credential_id))


@sessions_router.delete("/{session_id}", status_code=204, responses=responses(NotFound, CannotRecord))
async def end_session(session_id: str, authentication: AuthenticationService) -> None:
    """End a session. Its token is refused from now on and its WebSockets are closed."""
    await authentication.sessions.end(session_id)


@keys_router.get("", responses=responses())
async def list_keys(authentication: AuthenticationService) -> ApiKeyList:
    """Return the API keys, without their secrets."""
    keys = authentication.keys
    return ApiKeyList(keys=[ApiKeyView.of(key, keys) for key in keys.all()], unreadable=keys.unreadable)


@keys_router.post("", status_code=201, responses=responses(Conflict, Unavailable))
async def create_key(wanted: ApiKeyRequest, authentication: AuthenticationService) -> NewApiKey:
    """Create an API key. Its secret is in this response and nowhere else."""
    lifetime = timedelta(days=wanted.expires_in_days) if wanted.expires_in_days else None
    key, secret = await authentication.keys.create(wanted.name, wanted.scopes, lifetime)
    return NewApiKey(key=ApiKeyView.of(key, authentication.keys), secret=secret)


@keys_router.delete("/{key_id}", status_code=204, responses=responses(NotFound, Unavailable))
async def revoke_key(key_id: str, authentication: AuthenticationService) -> None:
    """Revoke an API key. It is refused from now on and its WebSockets are closed."""
    await authentication.keys.revoke(key_id)
