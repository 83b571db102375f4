"""The JSON door: sign in, sign out, ask who is there."""

from fastapi import APIRouter, Depends, Request, Response

from backend.auth.access import COOKIE, SignedIn, gate_of, same_origin
from backend.auth.models import AccessToken, Credentials, Session
from backend.core.errors import Forbidden, TooManyRequests
from backend.web.errors import responses

router = APIRouter(prefix="/api/auth", tags=["auth"])
gate_router = APIRouter(include_in_schema=False)


def not_cross_site(request: Request) -> None:
    if not same_origin(request):
        raise Forbidden("Sign in from the pod's own page.", code="cross_site")


@router.post(
    "/login", responses=responses(Forbidden, TooManyRequests), dependencies=[Depends(not_cross_site)]
)
def login(credentials: Credentials, request: Request, response: Response) -> AccessToken:
    """Exchange the password for a token, which also comes as a cookie."""
    token = gate_of(request).sign_in(credentials.password)
    keep_cookie(request, response, token)
    return token


@router.post("/logout", status_code=204, responses=responses(Forbidden))
def logout(_session: SignedIn, response: Response) -> None:
    """Forget the browser's cookie."""
    response.delete_cookie(COOKIE, path="/")


@router.get("/me", responses=responses())
def me(session: SignedIn) -> Session:
    """Until when the sign-in is good."""
    return session


@gate_router.get("/_pod/auth", status_code=204)
def authorize(_session: SignedIn) -> None:
    """nginx asks here before it lets a request through to ComfyUI and the other services."""


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
