"""HTML route of the price per hour, a section of Settings."""

from typing import Annotated, Any

from fastapi import Form, Request, Response
from pydantic import ValidationError

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.system.price import HIGHEST_PRICE, PodPrice
from backend.system.price_api import PodPriceService, PriceRequest
from backend.web import htmx
from backend.web.caching import Responses
from backend.web.templating import renderer_of

MAX_LENGTH = 20
MISTAKES = {
    "per_hour": f"A number above 0 and up to {HIGHEST_PRICE}, such as 0.34. Empty: no price.",
    "currency": "Three letters, such as USD or EUR.",
}

router = ProtectedRouter(
    read=Scope.ADMIN, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)
Typed = Annotated[str, Form(max_length=MAX_LENGTH)]


def price_view(
    price: PodPrice, typed: dict[str, str] | None = None, errors: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the session, and the form with its values or as it was typed."""
    session = price.session()
    current = session.price
    saved = {
        "per_hour": f"{current.per_hour:g}" if current else "",
        "currency": current.currency if current else "USD",
    }
    return {"session": session, "form": typed or saved, "errors": errors or {}, "is_saved": price.is_saved}


@router.post("/price")
async def save(
    request: Request, price: PodPriceService, cache: Responses, per_hour: Typed = "", currency: Typed = "USD"
) -> Response:
    typed = {"per_hour": per_hour.strip(), "currency": currency.strip().upper()}
    try:
        wanted = PriceRequest.model_validate(
            typed | {"per_hour": typed["per_hour"].replace(",", ".") or None}
        )
    except ValidationError as error:
        errors = {str(item["loc"][0]): MISTAKES[str(item["loc"][0])] for item in error.errors()}
        return _fragment(request, price_view(price, typed, errors), status=400)
    await price.choose(wanted.price)
    cache.clear()
    return htmx.with_toast(_fragment(request, price_view(price)), "success", "Saved.")


def _fragment(request: Request, view: dict[str, Any], status: int = 200) -> Response:
    response = renderer_of(request).page(request, "system/_price.html", {"view": view}, status=status)
    return response if status == 200 else htmx.with_swap(response, "innerHTML")
