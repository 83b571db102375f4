"""Who may pass: the dependencies that guard every route."""

import time
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response, Security, WebSocketException
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from backend.auth.models import AccessToken, Session
from backend.auth.service import Gate
from backend.core.errors import Forbidden, SignInRequired
from backend.web.features import registry_of

COOKIE = "comfypod_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY_VIOLATION = 1008
LOOPBACK = frozenset({"127.0.0.1", "::1"})

bearer_scheme = HTTPBearer(auto_error=False, description="Token from `POST /api/auth/login`.")
cookie_scheme = APIKeyCookie(name=COOKIE, auto_error=False, description="The browser's sign-in.")


def gate_of(connection: HTTPConnection) -> Gate:
    return registry_of(connection).get(Gate)


Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(bearer_scheme)]
Cookie = Annotated[str | None, Security(cookie_scheme)]


def signed_in(request: Request, bearer: Bearer = None, cookie: Cookie = None) -> Session:
    """Let through who has a valid token, by header or by cookie."""
    return _session(request, bearer, cookie, only_looks=request.method in SAFE_METHODS)


def let_through(request: Request, bearer: Bearer = None, cookie: Cookie = None) -> Session:
    """The same for the request that nginx asks about, to a service that does not ask who sends it."""
    return _session(request, bearer, cookie, only_looks=_follows_a_link(request))


def _session(
    request: Request, bearer: HTTPAuthorizationCredentials | None, cookie: str | None, *, only_looks: bool
) -> Session:
    """SameSite does not keep every page out: a site is a name, whatever the port, and ports may be other people's."""
    if bearer:
        return gate_of(request).check(bearer.credentials)
    session = gate_of(request).check(cookie)
    if not only_looks and not same_origin(request):
        raise Forbidden("Another site tried to do this in your name, so it was refused.", code="cross_site")
    return session


def _follows_a_link(request: Request) -> bool:
    """Somebody goes from one page to another. Without TLS browsers do not say so, and every GET counts as that."""
    headers = request.headers
    reads = headers.get("x-original-method") in SAFE_METHODS and not headers.get("x-original-upgrade")
    return reads and headers.get("sec-fetch-mode", "navigate") == "navigate"


SignedIn = Annotated[Session, Depends(signed_in)]
LetThrough = Annotated[Session, Depends(let_through)]


def signed_in_socket(websocket: WebSocket) -> float:
    """Seconds for which the socket's session is good; refuses the handshake otherwise."""
    scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
    from_header = token if scheme.lower() == "bearer" else None
    if not from_header and not same_origin(websocket):
        raise WebSocketException(POLICY_VIOLATION, "cross-site")
    try:
        session = gate_of(websocket).check(from_header or websocket.cookies.get(COOKIE))
    except SignInRequired as error:
        raise WebSocketException(POLICY_VIOLATION, error.message) from None
    return session.expires_at.timestamp() - time.time()


SocketSession = Annotated[float, Depends(signed_in_socket)]


def same_origin(connection: HTTPConnection) -> bool:
    """False when a browser says that another site sent this. Programs send neither header."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host")


def sender_of(request: Request) -> str:
    """The address that asks: nginx's word for it, which nobody from elsewhere can give."""
    peer = request.client.host if request.client else ""
    return request.headers.get("x-real-ip", peer) if peer in LOOPBACK else peer


def keep_cookie(request: Request, response: Response, token: AccessToken) -> None:
    response.set_cookie(
        COOKIE,
        token.access_token,
        max_age=token.expires_in,
        path="/",
        httponly=True,
        samesite="strict",
        secure=_came_by_https(request),
    )


def _came_by_https(request: Request) -> bool:
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
