"""How routes reach authentication and the present principal, and how they set cookies."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request, Response

from backend.auth.credentials import DEVICE_COOKIE, SESSION_COOKIE, client_of, refuse_other_sites
from backend.auth.models import Client, SignIn
from backend.auth.principal import Principal, current_principal
from backend.auth.service import DEVICE_LIFETIME, Authentication
from backend.core import clock
from backend.web.features import provided

AuthenticationService = Annotated[Authentication, Depends(provided(Authentication))]


async def _principal() -> Principal:
    """A coroutine, because FastAPI runs functions in a thread."""
    return current_principal()


async def _client(request: Request) -> Client:
    return client_of(request)


async def _same_site(request: Request) -> None:
    refuse_other_sites(request)


CurrentPrincipal = Annotated[Principal, Depends(_principal)]
RequestClient = Annotated[Client, Depends(_client)]
# For public routes: protected ones check it themselves.
SAME_SITE = Depends(_same_site)


def set_cookies(request: Request, response: Response, sign_in: SignIn) -> None:
    lifetime = sign_in.session.expires_at - clock.now()
    _set_cookie(request, response, SESSION_COOKIE, sign_in.token, lifetime)
    _set_cookie(request, response, DEVICE_COOKIE, sign_in.device_token, DEVICE_LIFETIME)


def forget_session(response: Response) -> None:
    """Delete the cookie of the session. The device stays known, so that strangers' guesses do not delay its next sign-in."""
    response.delete_cookie(SESSION_COOKIE, path="/")


def _set_cookie(request: Request, response: Response, name: str, token: str, lifetime: timedelta) -> None:
    response.set_cookie(
        name,
        token,
        max_age=round(lifetime.total_seconds()),
        path="/",
        httponly=True,
        samesite="strict",
        secure="https" in (request.url.scheme, request.headers.get("x-forwarded-proto")),
    )
