"""The HTML door: the sign-in page, which every port of the pod shows."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from backend.auth.dependencies import COOKIE, gate_of, keep_cookie, same_origin, sender_of
from backend.config.values import LONGEST_PASSWORD
from backend.core.errors import AppError, Forbidden
from backend.web.errors import SIGN_IN_PATH
from backend.web.templating import renderer_of

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN_PATH)
def show_sign_in(request: Request, next: str = "/") -> Response:  # noqa: A002 - the usual name of this parameter
    return _page(request, local_path(next))


@router.post(SIGN_IN_PATH)
def sign_in(
    request: Request,
    password: Annotated[str, Form(max_length=LONGEST_PASSWORD)],
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    """Works without JavaScript: on to the wanted page, or the same page with the reason."""
    wanted = local_path(next)
    try:
        if not same_origin(request):
            raise Forbidden("Sign in from the pod's own page.")
        token = gate_of(request).sign_in(password, sender_of(request))
    except AppError as error:
        return _page(request, wanted, error.message, error.status)
    response = RedirectResponse(wanted, status_code=303)
    keep_cookie(request, response, token)
    return response


@router.post("/sign-out")
def sign_out() -> Response:
    response = RedirectResponse(SIGN_IN_PATH, status_code=303)
    response.delete_cookie(COOKIE, path="/")
    return response


def local_path(address: str) -> str:
    """`address` if it stays on this pod, else the start page: no redirects to elsewhere."""
    parts = urlsplit(address)
    stays = address.startswith("/") and not address.startswith("//") and not parts.netloc
    return address if stays and "\\" not in address and address.isprintable() else "/"


def _page(request: Request, wanted: str, problem: str | None = None, status: int = 200) -> Response:
    view = {"next": wanted, "problem": problem}
    return renderer_of(request).page(request, "auth/page.html", view, status=status)
