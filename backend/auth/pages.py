"""The sign-in page, which every port of the pod shows, and signing out."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from backend.auth.credentials import SESSION_COOKIE, refuse_other_sites
from backend.auth.dependencies import (
    SAME_SITE,
    AuthenticationService,
    RequestClient,
    forget_session,
    set_cookies,
)
from backend.auth.routing import PublicRouter
from backend.config.values import LONGEST_PASSWORD
from backend.core.errors import AppError
from backend.web.errors import SIGN_IN_PATH
from backend.web.templating import renderer_of

router = PublicRouter(include_in_schema=False)


@router.get(SIGN_IN_PATH)
def show_sign_in(request: Request, next: str = "/") -> Response:  # noqa: A002 - the usual name of this parameter
    return _page(request, local_path(next))


@router.post(SIGN_IN_PATH)
async def sign_in(
    request: Request,
    client: RequestClient,
    authentication: AuthenticationService,
    password: Annotated[str, Form(max_length=LONGEST_PASSWORD)],
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    """Go on to the page that was asked for, or show the form again with the reason. Works without JavaScript."""
    target = local_path(next)
    try:
        refuse_other_sites(request)
        result = await authentication.sign_in(password, client)
    except AppError as error:
        return _page(request, target, error.message, error.status)
    response = RedirectResponse(target, status_code=303)
    set_cookies(request, response, result)
    return response


@router.post("/sign-out", dependencies=[SAME_SITE])
async def sign_out(request: Request, authentication: AuthenticationService) -> Response:
    """End the session, if there still is one."""
    await authentication.sign_out(request.cookies.get(SESSION_COOKIE))
    response = RedirectResponse(SIGN_IN_PATH, status_code=303)
    forget_session(response)
    return response


def local_path(address: str) -> str:
    """Return `address` if it stays on this pod, else the start page: no redirects to elsewhere."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    stays = address.startswith("/") and not address.startswith("//") and not parts.netloc
    return address if stays and "\\" not in address and address.isprintable() else "/"


def _page(request: Request, target: str, problem: str | None = None, status: int = 200) -> Response:
    view = {"next": target, "problem": problem}
    return renderer_of(request).page(request, "auth/page.html", view, status=status)
