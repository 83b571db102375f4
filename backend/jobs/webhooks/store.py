"""Messages on the local disk, until they are delivered."""

from collections.abc import Iterable
from datetime import datetime

from backend.core import clock
from backend.core.database import Database, Value
from backend.core.queries import queries_beside
from backend.jobs.webhooks.models import Delivery

SQL = queries_beside(__file__)


class DeliveryStore:
    def __init__(self, database: Database):
        self._database = database

    async def prepare(self) -> None:
        await self._database.migrate("webhooks", SQL.migrations)

    async def add(self, deliveries: Iterable[Delivery]) -> None:
        """Add what is not there yet."""
        await self._database.execute_many(SQL.add, map(_row, deliveries))

    async def save(self, deliveries: Iterable[Delivery]) -> None:
        await self._database.execute_many(
            SQL.save,
            [
                {name: _row(each)[name] for name in ("id", "state", "next_at", "record")}
                for each in deliveries
            ],
        )

    async def get(self, delivery_id: str) -> Delivery | None:
        found = await self._deliveries(SQL.get, {"id": delivery_id})
        return found[0] if found else None

    async def due(self, limit: int) -> list[Delivery]:
        return await self._deliveries(SQL.due, {"now": clock.to_text(clock.now()), "limit": limit})

    async def next_at(self) -> datetime | None:
        row = await self._database.fetch_one(SQL.next_at)
        return clock.from_text(row["moment"]) if row and row["moment"] else None

    async def pending_to(self, url: str) -> list[Delivery]:
        return await self._deliveries(SQL.pending_to, {"url": url})

    async def newest(self, limit: int) -> list[Delivery]:
        return await self._deliveries(SQL.newest, {"limit": limit})

    async def prune(self, before: datetime) -> None:
        await self._database.execute(SQL.prune, {"before": clock.to_text(before)})

    async def _deliveries(self, query: str, parameters: dict[str, Value]) -> list[Delivery]:
        rows = await self._database.fetch_all(query, parameters)
        return [Delivery.model_validate_json(row["record"]) for row in rows]


def _row(delivery: Delivery) -> dict[str, Value]:
    return {
        "id": delivery.id,
        "url": delivery.url,
        "state": delivery.state,
        "created_at": clock.to_text(delivery.created_at),
        "next_at": clock.to_text(delivery.next_at),
        "record": delivery.model_dump_json(),
    }
