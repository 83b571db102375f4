"""What nginx asks before it forwards a request to ComfyUI, code-server or JupyterLab.

nginx sends the request's own headers, and in `X-Original-…` and `X-Pod-Service` what it was and where it goes. Those
services cannot be read-only: extensions of ComfyUI change things in reply to a GET, and the others are shells. So
ComfyUI needs the scope `run` and the others `admin`, whatever the method.
"""

from typing import Annotated

from fastapi import Header, Request, Response
from fastapi.responses import RedirectResponse

from backend.auth.credentials import SAFE_METHODS, identify
from backend.auth.dependencies import AuthenticationService
from backend.auth.principal import Scope
from backend.auth.routing import PublicRouter, require
from backend.auth.service import Authentication
from backend.core.errors import SignInRequired
from backend.web.errors import sign_in_address

SCOPES = {"comfyui": Scope.RUN}

# Public, as they check the request that nginx describes and not the one that it makes.
router = PublicRouter(include_in_schema=False)


@router.get("/_pod/auth", status_code=204)
async def authorize(request: Request, authentication: AuthenticationService) -> None:
    """Reply 204 when the request may pass."""
    _check(request, authentication)


@router.get("/_pod/refused")
async def show_refusal(
    request: Request,
    authentication: AuthenticationService,
    x_original_uri: Annotated[str, Header()] = "/",
) -> Response:
    """Send a browser to the sign-in page and a program the error. nginx passes on nothing from `/_pod/auth` but its status."""
    try:
        _check(request, authentication)
    except SignInRequired:
        if "text/html" not in request.headers.get("accept", ""):
            raise
    return RedirectResponse(sign_in_address(x_original_uri), status_code=303)


def _check(request: Request, authentication: Authentication) -> None:
    principal = identify(request, authentication, only_reads=_follows_a_link(request))
    require(principal, SCOPES.get(request.headers.get("x-pod-service", ""), Scope.ADMIN))


def _follows_a_link(request: Request) -> bool:
    """Return whether a browser goes from one page to another. Without TLS browsers do not say; any GET may be that."""
    headers = request.headers
    reads = headers.get("x-original-method") in SAFE_METHODS and not headers.get("x-original-upgrade")
    return reads and headers.get("sec-fetch-mode", "navigate") == "navigate"
