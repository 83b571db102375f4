"""Finds the principal of a request from its headers alone."""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from backend.auth.models import Client
from backend.auth.principal import Principal
from backend.auth.service import Authentication
from backend.core.errors import Forbidden

SESSION_COOKIE = "comfypod_session"
DEVICE_COOKIE = "comfypod_device"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK = frozenset({"127.0.0.1", "::1"})


def identify(connection: HTTPConnection, authentication: Authentication, *, only_reads: bool) -> Principal:
    """Return who makes the request. SignInRequired without valid credentials.

    A cookie counts only for requests that read, or that come from our own pages: Forbidden otherwise. SameSite is not
    enough, because a site is a host name, and other ports of the same name may belong to others.
    """
    headers = connection.headers
    if secret := headers.get("x-api-key"):
        return authentication.keys.authenticate(secret)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return authentication.bearer(token.strip())
    principal = authentication.session(connection.cookies.get(SESSION_COOKIE))
    if not only_reads:
        refuse_other_sites(connection)
    return principal


def refuse_other_sites(connection: HTTPConnection) -> None:
    """Raise Forbidden when a browser says that a page of another site sent the request."""
    if not is_same_origin(connection):
        raise Forbidden(
            "Another site tried to use your sign-in, so the request was refused. Use the pod's own pages.",
            code="cross_site",
        )


def is_same_origin(connection: HTTPConnection) -> bool:
    """Return False when a browser says that another site sent this. Programs send neither header."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = connection.headers.get("origin")
    return origin is None or _host_of(origin) == connection.headers.get("host")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def client_of(connection: HTTPConnection) -> Client:
    """Return where a request comes from. Only nginx, on loopback, is believed when it names another address."""
    peer = connection.client.host if connection.client else ""
    behind_nginx = peer in LOOPBACK and "x-real-ip" in connection.headers
    return Client(
        address=connection.headers["x-real-ip"] if behind_nginx else peer,
        user_agent=connection.headers.get("user-agent", ""),
        is_local=peer in LOOPBACK and not behind_nginx,
        device_token=connection.cookies.get(DEVICE_COOKIE),
    )
