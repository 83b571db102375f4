"""Store how outputs were made, so that 20,000 files are read once and not at every start."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import NamedTuple

from backend.core.database import Database, Value
from backend.core.queries import as_json, queries_beside
from backend.outputs.models import Filters, Origin, path_of
from backend.storage.models import ModelFile

SQL = queries_beside(__file__)
MAX_CHOICES = 200


class Choice(NamedTuple):
    """A value of a filter."""

    name: str
    files: int


class OriginStore:
    def __init__(self, database: Database):
        self._database = database
        # Grows with every change.
        self.revision = 0

    async def prepare(self) -> None:
        await self._database.migrate("outputs", SQL.migrations)

    async def save(self, origins: Mapping[ModelFile, Origin]) -> None:
        async with self._database.transaction():
            await self._database.execute_many(
                SQL.save_origin, [_row(file, origin) for file, origin in origins.items()]
            )
            models = [
                {"model": model, "path": path_of(file)}
                for file, origin in origins.items()
                for model in origin.models
            ]
            await self._database.execute_many(SQL.save_model, models)
        self.revision += 1

    async def remove(self, paths: Collection[str]) -> None:
        await self._database.execute(SQL.remove_origins, {"paths": as_json(list(paths))})
        self.revision += 1

    async def states(self) -> dict[str, tuple[int, int]]:
        """Return size and time of every file that was read."""
        return {path: (size, time) for path, size, time in await self._database.fetch_all(SQL.all_states)}

    async def of(self, files: Iterable[ModelFile]) -> dict[str, Origin]:
        """Return what is known about files as they are now, by path."""
        states = {path_of(file): (file.bytes, file.mtime_ns) for file in files}
        rows = await self._database.fetch_all(SQL.origins_of, {"paths": as_json(list(states))})
        return {
            row["path"]: _origin_of(row["record"])
            for row in rows
            if states[row["path"]] == (row["bytes"], row["mtime_ns"])
        }

    async def paths(self, filters: Filters) -> set[str]:
        """Return the files that have the origin that `filters` name."""
        values = {
            "job": filters.job,
            "batch": filters.batch,
            "workflow": filters.workflow,
            "model": filters.model,
        }
        return {row["path"] for row in await self._database.fetch_all(SQL.paths_with_origin, values)}

    async def paths_with_text(self, q: str) -> set[str]:
        """Return the files whose prompt contains `q`, which is in lower case."""
        return {row["path"] for row in await self._database.fetch_all(SQL.paths_with_text, {"q": q})}

    async def workflows(self) -> list[Choice]:
        return await self._choices(SQL.workflows)

    async def models(self) -> list[Choice]:
        return await self._choices(SQL.models)

    async def _choices(self, statement: str) -> list[Choice]:
        rows = await self._database.fetch_all(statement, {"limit": MAX_CHOICES})
        return [Choice(row["name"], row["files"]) for row in rows]


def _row(file: ModelFile, origin: Origin) -> dict[str, Value]:
    return {
        "path": path_of(file),
        "bytes": file.bytes,
        "mtime_ns": file.mtime_ns,
        "job_id": origin.job_id or None,
        "batch_id": origin.batch_id or None,
        "workflow": origin.workflow or None,
        "text": origin.prompt.lower(),
        "record": json.dumps(asdict(origin)),
    }


def _origin_of(record: str) -> Origin:
    fields = json.loads(record)
    return Origin(**{**fields, "models": tuple(fields["models"])})
