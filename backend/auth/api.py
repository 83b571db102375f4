"""The JSON door: sign in, sign out, ask who is there."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import RedirectResponse

from backend.auth.dependencies import (
    COOKIE,
    Bearer,
    Cookie,
    LetThrough,
    SignedIn,
    gate_of,
    keep_cookie,
    let_through,
    same_origin,
    sender_of,
    signed_in,
)
from backend.auth.models import AccessToken, Credentials, Session
from backend.core.errors import Forbidden, SignInRequired, TooManyRequests
from backend.web.errors import responses, sign_in_address

public_router = APIRouter(prefix="/api/auth", tags=["auth"])
router = APIRouter(prefix="/api/auth", tags=["auth"], dependencies=[Depends(signed_in)])
nginx_router = APIRouter(include_in_schema=False)


def not_cross_site(request: Request) -> None:
    if not same_origin(request):
        raise Forbidden("Sign in from the pod's own page.", code="cross_site")


@public_router.post(
    "/login", responses=responses(Forbidden, TooManyRequests), dependencies=[Depends(not_cross_site)]
)
def login(credentials: Credentials, request: Request, response: Response) -> AccessToken:
    """Exchange the password for a token, which also comes as a cookie."""
    token = gate_of(request).sign_in(credentials.password, sender_of(request))
    keep_cookie(request, response, token)
    return token


@router.post("/logout", status_code=204, responses=responses(Forbidden))
def logout(response: Response) -> None:
    """Forget the browser's cookie."""
    response.delete_cookie(COOKIE, path="/")


@router.get("/me", responses=responses())
def me(session: SignedIn) -> Session:
    """Until when the sign-in is good."""
    return session


@nginx_router.get("/_pod/auth", status_code=204)
def authorize(_session: LetThrough) -> None:
    """nginx asks here before it lets a request through to ComfyUI and the other services."""


@nginx_router.get("/_pod/refused")
def refused(
    request: Request,
    x_original_uri: Annotated[str, Header()] = "/",
    bearer: Bearer = None,
    cookie: Cookie = None,
) -> Response:
    """nginx sends here who may not pass: a browser goes to the sign-in and back, a program gets the error."""
    try:
        let_through(request, bearer, cookie)
    except SignInRequired:
        if "text/html" not in request.headers.get("accept", ""):
            raise
    return RedirectResponse(sign_in_address(x_original_uri), status_code=303)
