"""Files in `$WORKSPACE/workflows`: workflows in either format, and what ComfyUI saved with one in it."""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import structlog

from backend.core.errors import Unavailable
from backend.templates.models import Source, Template, TemplateSummary, template_of
from backend.templates.sources import no_template
from backend.workflows.graph import Workflow
from backend.workflows.reader import read_workflow_file

log = structlog.get_logger(__name__)

PREFIX = "folder:"
SUFFIX = ".json"
MEDIA_SUFFIXES = frozenset(
    {".png", ".webp", ".jpg", ".jpeg", ".avif", ".mp4", ".mov", ".webm", ".mkv", ".flac", ".opus", ".mp3"}
)
MAX_DEPTH = 6
# Entries that a listing looks at: a folder of outputs that was linked here must not slow the list down.
MAX_ENTRIES = 5_000


class WorkflowsFolder:
    source = Source.FOLDER

    def __init__(self, folder: Path):
        self._folder = folder

    async def summaries(self) -> list[TemplateSummary]:
        return await asyncio.to_thread(
            lambda: [_summary(self._folder, entry) for entry in _files(self._folder)]
        )

    async def read(self, template_id: str) -> Template:
        return await asyncio.to_thread(self._read, template_id)

    def _read(self, template_id: str) -> Template:
        path = self._find(template_id)
        name = template_id.removeprefix(PREFIX)
        summary = TemplateSummary(id=template_id, title=Path(name).stem, source=self.source)
        return template_of(summary, read_file(path))

    def _find(self, template_id: str) -> Path:
        """Return the file of an id. Links may lead to other folders of the user's, a name with `..` may not."""
        name = template_id.removeprefix(PREFIX)
        if not name or "\0" in name or name.startswith("/") or ".." in name.split("/"):
            raise no_template(template_id)
        for candidate in (self._folder / f"{name}{SUFFIX}", self._folder / name):
            if _is_template(candidate.name) and _is_file(candidate):
                return candidate
        raise no_template(template_id)


def read_file(path: Path) -> Workflow:
    """Read the workflow of a file. Raise InvalidRequest when it has none, Unavailable when it cannot be read."""
    try:
        with path.open("rb") as file:
            return read_workflow_file(file)
    except OSError as error:
        raise Unavailable(f"The workflow {path.name} cannot be read: {error.strerror}.") from None


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the files that may hold a workflow, in the order of the disk."""
    for number, entry in enumerate(_entries(folder)):
        if number >= MAX_ENTRIES:
            log.warning("the folder of workflows has too many files", folder=str(folder), most=MAX_ENTRIES)
            return
        if _is_template(entry.name) and _is_file(Path(entry.path)):
            yield entry


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield everything in the folder and below it, apart from hidden names."""
    pending = [(str(folder), 0)]
    while pending:
        path, depth = pending.pop()
        for entry in _scanned(path):
            yield entry
            if depth < MAX_DEPTH and entry.is_dir(follow_symlinks=False):
                pending.append((entry.path, depth + 1))


def _scanned(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        log.debug("a folder of workflows cannot be read", folder=path, reason=error.strerror)
        return []


def _summary(folder: Path, entry: os.DirEntry[str]) -> TemplateSummary:
    name = os.path.relpath(entry.path, folder).removesuffix(SUFFIX)
    return TemplateSummary(
        id=f"{PREFIX}{name}",
        title=Path(name).stem,
        source=Source.FOLDER,
        modified_at=datetime.fromtimestamp(entry.stat().st_mtime, UTC),
    )


def _is_template(name: str) -> bool:
    return Path(name).suffix.lower() in MEDIA_SUFFIXES or name.endswith(SUFFIX)


def _is_file(path: Path) -> bool:
    """Follows links. A pipe or a device would block the reader."""
    try:
        return path.is_file()
    except OSError:
        return False
