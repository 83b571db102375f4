"""The price of the pod's time."""

from datetime import datetime

from backend.client.connection import Connection
from backend.client.models import Model

PATH = "/api/price"


class Price(Model):
    per_hour: float | None
    currency: str
    session_started_at: datetime
    session_cost: float | None


class PriceClient:
    """`/api/price`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def show(self) -> Price:
        return await self._connection.get(PATH, Price)

    async def choose(self, per_hour: float | None, currency: str) -> Price:
        """Save the price of one hour. None deletes the saved price."""
        return await self._connection.put(PATH, Price, {"per_hour": per_hour, "currency": currency})
