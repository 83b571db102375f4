"""Where assets are recorded. Their files are on the volume, and a new database is filled from them."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from backend.comfy_api.models import Asset
from backend.core import clock
from backend.core.database import Database
from backend.core.queries import as_json, queries_beside

SQL = queries_beside(__file__)


class AssetStore:
    def __init__(self, database: Database):
        self._database = database

    async def prepare(self) -> None:
        await self._database.migrate("comfy_api", SQL.migrations)

    async def save(self, assets: Iterable[Asset]) -> None:
        await self._database.execute_many(SQL.save, [_row(asset) for asset in assets])

    async def get(self, asset_id: str) -> Asset | None:
        row = await self._database.fetch_one(SQL.asset, {"id": asset_id})
        return _asset(row) if row else None

    async def of_hash(self, digest: str) -> list[Asset]:
        return [_asset(row) for row in await self._database.fetch_all(SQL.of_hash, {"hash": digest})]

    async def touch(self, asset_id: str, used_at: datetime) -> None:
        await self._database.execute(SQL.touch, {"id": asset_id, "used_at": clock.to_text(used_at)})

    async def least_recently_used(self) -> list[Asset]:
        return [_asset(row) for row in await self._database.fetch_all(SQL.least_recently_used)]

    async def names(self) -> set[str]:
        """Return the names of all files."""
        return {row["name"] for row in await self._database.fetch_all(SQL.all_names)}

    async def total_bytes(self) -> int:
        row = await self._database.fetch_one(SQL.total_bytes)
        return int(row["bytes"]) if row else 0

    async def delete(self, asset_id: str) -> None:
        await self._database.execute(SQL.delete_asset, {"id": asset_id})

    async def save_uses(self, digests: Iterable[str], job_id: str) -> None:
        await self._database.execute_many(
            SQL.save_use, [{"hash": digest, "job_id": job_id} for digest in digests]
        )

    async def users_of(self, digest: str) -> list[str]:
        """Return the jobs whose workflows name the file."""
        return [row["job_id"] for row in await self._database.fetch_all(SQL.users_of, {"hash": digest})]

    async def delete_uses(self, digest: str, job_ids: Sequence[str]) -> None:
        await self._database.execute(SQL.delete_uses, {"hash": digest, "job_ids": as_json(job_ids)})


def _row(asset: Asset) -> dict[str, str | int]:
    return {
        **{
            name: getattr(asset, name)
            for name in ("id", "hash", "bytes", "content_type", "file_path", "name")
        },
        "created_at": clock.to_text(asset.created_at),
        "used_at": clock.to_text(asset.used_at),
    }


def _asset(row: sqlite3.Row) -> Asset:
    moments = {name: clock.from_text(row[name]) for name in ("created_at", "used_at")}
    return Asset(**{**dict(row), **moments})
