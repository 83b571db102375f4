"""Sort and filter models for the API and the page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from backend.storage.index import Snapshot
from backend.storage.models import ModelFile, ModelUse, ModelView, difference
from backend.web.paging import SortKey

Order = Literal["path", "name", "newest", "size"]


@dataclass(frozen=True, kw_only=True)
class Filters:
    """The filters and the order of a list."""

    order: Order = "path"
    # Part of the path.
    q: str = ""
    # ComfyUI's name of a folder; folders below it are included.
    folder: str = ""


# Sorting thousands of files is slow, and all pages of a list have the same order.
CACHED_LISTS = 8


def key_of(order: Order) -> Callable[[ModelFile], SortKey]:
    """Return the sort key function of an order. The path makes keys unique."""
    keys: dict[Order, Callable[[ModelFile], SortKey]] = {
        "path": lambda file: (file.folder, file.filename, file.directory),
        "name": lambda file: (file.filename.lower(), file.folder, file.directory),
        "newest": lambda file: (-file.mtime_ns, file.folder, file.filename, file.directory),
        "size": lambda file: (-file.bytes, file.folder, file.filename, file.directory),
    }
    return keys[order]


@lru_cache(maxsize=CACHED_LISTS)
def listed(snapshot: Snapshot, models: Path, filters: Filters) -> Sequence[ModelFile]:
    """Return the matching files in order. Slow for thousands of files."""
    q, below = filters.q.lower(), f"{filters.folder.strip('/')}/"
    found = (
        file
        for file in snapshot.files
        if (not q or q in path_of(file, models).lower())
        and (below == "/" or f"{file.folder}/".startswith(below))
    )
    return sorted(found, key=key_of(filters.order))


def path_of(file: ModelFile, models: Path) -> str:
    """Return the path that users see: relative in the workspace, absolute elsewhere."""
    path = f"{file.directory}/{file.filename}"
    return path.removeprefix(f"{models}/") if file.in_workspace else path


@dataclass(frozen=True, kw_only=True)
class Details:
    """What is known about the files of a page."""

    hashes: Mapping[ModelFile, str]
    uses: Mapping[str, list[ModelUse]]
    kept: frozenset[str]


def view_of(file: ModelFile, models: Path, details: Details) -> ModelView:
    uses, sha256 = details.uses.get(file.place, []), details.hashes.get(file)
    return ModelView(
        path=path_of(file, models),
        folder=file.folder,
        filename=file.filename,
        bytes=file.bytes,
        modified_at=datetime.fromtimestamp(file.mtime_ns / 1e9, UTC),
        sha256=sha256,
        presets=[use.preset for use in uses],
        wrong=None if file.place in details.kept else difference(file, sha256, uses),
        deletable=file.in_workspace,
        hard_links=file.links,
    )
