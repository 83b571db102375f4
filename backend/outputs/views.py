"""The tiles of the gallery, in groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby

from backend.outputs.kinds import Kind, kind_of
from backend.outputs.models import NO_PROVENANCE, Provenance, modified_at, path_of
from backend.outputs.schemas import file_url, thumbnail_url
from backend.storage.models import ModelFile


class GroupBy(StrEnum):
    DAY = "day"
    JOB = "job"
    BATCH = "batch"


@dataclass(frozen=True, kw_only=True)
class Tile:
    file: ModelFile
    provenance: Provenance

    @property
    def path(self) -> str:
        return path_of(self.file)

    @property
    def kind(self) -> Kind:
        return kind_of(self.file.filename)

    @property
    def url(self) -> str:
        return file_url(self.path)

    @property
    def thumbnail(self) -> str:
        return thumbnail_url(self.file)


@dataclass(frozen=True, kw_only=True)
class Heading:
    key: str
    title: str
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Group:
    heading: Heading
    tiles: Sequence[Tile] = field(default_factory=tuple)


def groups_of(
    files: Sequence[ModelFile], provenances: Mapping[str, Provenance], by: GroupBy, today: date
) -> list[Group]:
    """Group neighbouring files that have the same heading."""
    tiles = (Tile(file=file, provenance=provenances.get(path_of(file), NO_PROVENANCE)) for file in files)
    grouped = groupby(tiles, key=lambda tile: _heading(tile, by, today))
    return [Group(heading=heading, tiles=tuple(found)) for heading, found in grouped]


def _heading(tile: Tile, by: GroupBy, today: date) -> Heading:
    provenance = tile.provenance
    if by == GroupBy.JOB and provenance.job_id:
        return Heading(
            key=provenance.job_id, title=provenance.job_name or "Job", url=f"/jobs/{provenance.job_id}"
        )
    if by == GroupBy.BATCH and provenance.batch_id:
        title = f"Batch of {provenance.workflow}" if provenance.workflow else "Batch"
        return Heading(key=provenance.batch_id, title=title, url=f"/batches/{provenance.batch_id}")
    day = modified_at(tile.file).date()
    return Heading(key=day.isoformat(), title=_name_of(day, today))


def _name_of(day: date, today: date) -> str:
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    return f"{day:%A} {day.day} {day:%B}" + ("" if day.year == today.year else f" {day.year}")
