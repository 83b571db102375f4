"""Store the provenance of outputs, so that 20,000 files are read once and not at every start."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import NamedTuple

from backend.core.database import Database, Value
from backend.core.queries import as_json, queries_beside
from backend.outputs.models import Filters, Provenance, path_of
from backend.storage.models import ModelFile

SQL = queries_beside(__file__)
MAX_CHOICES = 200


class Choice(NamedTuple):
    """A value of a filter."""

    name: str
    files: int


class ProvenanceStore:
    def __init__(self, database: Database):
        self._database = database
        # Grows with every change.
        self.revision = 0

    async def prepare(self) -> None:
        await self._database.migrate("outputs", SQL.migrations)

    async def save(self, provenances: Mapping[ModelFile, Provenance]) -> None:
        async with self._database.transaction():
            await self._database.execute_many(
                SQL.save_provenance, [_row(file, provenance) for file, provenance in provenances.items()]
            )
            models = [
                {"model": model, "path": path_of(file)}
                for file, provenance in provenances.items()
                for model in provenance.models
            ]
            await self._database.execute_many(SQL.save_model, models)
        self.revision += 1

    async def remove(self, paths: Collection[str]) -> None:
        await self._database.execute(SQL.remove_provenance, {"paths": as_json(list(paths))})
        self.revision += 1

    async def states(self) -> dict[str, tuple[int, int]]:
        """Return size and time of every file in the store, by path."""
        return {path: (size, time) for path, size, time in await self._database.fetch_all(SQL.all_states)}

    async def of(self, files: Iterable[ModelFile]) -> dict[str, Provenance]:
        """Return the provenance of files that have not changed since it was read, by path."""
        states = {path_of(file): (file.bytes, file.mtime_ns) for file in files}
        rows = await self._database.fetch_all(SQL.provenance_of_paths, {"paths": as_json(list(states))})
        return {
            row["path"]: _provenance_of(row["record"])
            for row in rows
            if states[row["path"]] == (row["bytes"], row["mtime_ns"])
        }

    async def paths(self, filters: Filters) -> set[str]:
        """Return the paths of the files whose provenance matches `filters`."""
        values = {
            "job": filters.job,
            "batch": filters.batch,
            "workflow": filters.workflow,
            "model": filters.model,
        }
        return {row["path"] for row in await self._database.fetch_all(SQL.paths_with_provenance, values)}

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


def _row(file: ModelFile, provenance: Provenance) -> dict[str, Value]:
    return {
        "path": path_of(file),
        "bytes": file.bytes,
        "mtime_ns": file.mtime_ns,
        "job_id": provenance.job_id or None,
        "batch_id": provenance.batch_id or None,
        "workflow": provenance.workflow or None,
        "text": provenance.prompt.lower(),
        "record": json.dumps(asdict(provenance)),
    }


def _provenance_of(record: str) -> Provenance:
    fields = json.loads(record)
    return Provenance(**{**fields, "models": tuple(fields["models"])})
