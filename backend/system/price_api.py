"""JSON routes of the price per hour."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends
from pydantic import BaseModel, Field

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import InvalidRequest, Unavailable
from backend.system.price import CURRENCY_PATTERN, DEFAULT_CURRENCY, HIGHEST_PRICE, PodPrice, Price
from backend.web.caching import Responses
from backend.web.errors import responses
from backend.web.features import provided

PodPriceService = Annotated[PodPrice, Depends(provided(PodPrice))]

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, prefix="/api/price", tags=["system"])


class PriceRequest(BaseModel):
    per_hour: float | None = Field(
        gt=0,
        le=HIGHEST_PRICE,
        description="The price of one hour. Null deletes the saved price; the one from the environment is used again.",
    )
    currency: str = Field(
        default=DEFAULT_CURRENCY, pattern=CURRENCY_PATTERN, description="Three letters, as in ISO 4217."
    )

    @property
    def price(self) -> Price | None:
        return Price(per_hour=self.per_hour, currency=self.currency) if self.per_hour else None


class PriceView(BaseModel):
    """The price of the pod, and what this session has cost."""

    per_hour: float | None = Field(description="Null: no price is set.")
    currency: str
    session_started_at: datetime = Field(description="When the pod was started.")
    session_cost: float | None = Field(description="Null without a price.")

    @classmethod
    def of(cls, pod_price: PodPrice) -> Self:
        session = pod_price.session()
        return cls(
            per_hour=session.price.per_hour if session.price else None,
            currency=session.price.currency if session.price else DEFAULT_CURRENCY,
            session_started_at=session.started_at,
            session_cost=session.cost,
        )


@router.get("", responses=responses())
def show(price: PodPriceService) -> PriceView:
    """Return the price per hour and the cost of this session."""
    return PriceView.of(price)


@router.put("", responses=responses(InvalidRequest, Unavailable))
async def choose(body: PriceRequest, price: PodPriceService, cache: Responses) -> PriceView:
    """Save the price per hour, from which the pages estimate costs."""
    await price.choose(body.price)
    cache.clear()
    return PriceView.of(price)
