"""Templates that were uploaded: one file each on the volume, so that the next pod has them.

The first line describes the template, the second is its workflow. A list reads the first line only, and only of files
that are new or changed.
"""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from backend.core import clock
from backend.core.errors import Conflict, Unavailable
from backend.core.persistence import save_persistently
from backend.templates.models import Source, Template, TemplateSummary, template_of, version_of
from backend.templates.sources import no_template
from backend.workflows.graph import Workflow
from backend.workflows.parsing import as_dict, as_text
from backend.workflows.reader import read_workflow

log = structlog.get_logger(__name__)

PREFIX = "uploaded:"
SUFFIX = ".template"
MAX_FILES = 1_000
MAX_TOTAL_BYTES = 500_000_000
# Of the first line.
MAX_HEADER = 16_000
HEX = frozenset("0123456789abcdef")


class UploadedTemplates:
    source = Source.UPLOADED

    def __init__(self, folder: Path):
        self._folder = folder
        # By path, with the time and size of the file that it was read from.
        self._known: dict[str, tuple[tuple[int, int], TemplateSummary]] = {}
        self._lock = asyncio.Lock()

    async def summaries(self) -> list[TemplateSummary]:
        return await asyncio.to_thread(self._summaries)

    async def read(self, template_id: str) -> Template:
        return await asyncio.to_thread(self._read, template_id)

    async def add(self, title: str, workflow: Workflow, *, description: str = "") -> Template:
        """Keep a workflow. The same one again gets the new title and no second file."""
        async with self._lock:
            return await asyncio.to_thread(self._add, title, workflow, description)

    async def remove(self, template_id: str) -> None:
        async with self._lock:
            await asyncio.to_thread(self._remove, template_id)

    def _add(self, title: str, workflow: Workflow, description: str) -> Template:
        template_id = f"{PREFIX}{version_of(workflow.document)}"
        summary = TemplateSummary(
            id=template_id, title=title, source=self.source, description=description, modified_at=clock.now()
        )
        template = template_of(summary, workflow)
        path = self._path(template_id)
        header = {"title": title, "description": description, "media_type": template.media_type}
        content = f"{json.dumps(header)}\n{json.dumps(workflow.document)}\n".encode()
        self._check_space(path, len(content))
        save_persistently(path, content)
        return template

    def _check_space(self, path: Path, size: int) -> None:
        others = [entry for entry in self._entries() if entry.path != str(path)]
        total = sum(entry.stat().st_size for entry in others)
        if len(others) >= MAX_FILES or total + size > MAX_TOTAL_BYTES:
            raise Conflict(
                f"There are {len(others)} uploaded templates with {total / 1e6:.0f} MB; at most {MAX_FILES} with "
                f"{MAX_TOTAL_BYTES / 1e6:.0f} MB are kept. Delete some first.",
                code="too_many_templates",
            )

    def _remove(self, template_id: str) -> None:
        path = self._path(template_id)
        try:
            path.unlink()
        except FileNotFoundError:
            raise no_template(template_id) from None
        except OSError as error:
            raise Unavailable(f"The template cannot be deleted: {error.strerror}.") from None

    def _read(self, template_id: str) -> Template:
        path = self._path(template_id)
        try:
            header, _, document = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            raise no_template(template_id) from None
        except OSError as error:
            raise Unavailable(f"The template cannot be read: {error.strerror}.") from None
        modified = path.stat().st_mtime
        return template_of(_summary(template_id, header, modified), read_workflow(document))

    def _summaries(self) -> list[TemplateSummary]:
        found: dict[str, tuple[tuple[int, int], TemplateSummary]] = {}
        for entry in self._entries():
            stat = entry.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            known = self._known.get(entry.path)
            if known and known[0] == stamp:
                found[entry.path] = known
                continue
            template_id = f"{PREFIX}{entry.name.removesuffix(SUFFIX)}"
            with Path(entry.path).open("rb") as file:
                header = file.readline(MAX_HEADER)
            found[entry.path] = (stamp, _summary(template_id, header, stat.st_mtime))
        self._known = found
        return [summary for _, summary in found.values()]

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._folder) as entries:
                return [entry for entry in entries if _is_id(entry.name.removesuffix(SUFFIX))][:MAX_FILES]
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("the uploaded templates cannot be listed", reason=error.strerror)
            return []

    def _path(self, template_id: str) -> Path:
        name = template_id.removeprefix(PREFIX)
        if not _is_id(name):
            raise no_template(template_id)
        return self._folder / f"{name}{SUFFIX}"


def _is_id(name: str) -> bool:
    return len(name) == 16 and HEX.issuperset(name)


def _summary(template_id: str, header: bytes, modified: float) -> TemplateSummary:
    """A damaged first line must not hide the template."""
    try:
        told: dict[str, Any] = as_dict(json.loads(header))
    except ValueError:
        told = {}
    return TemplateSummary(
        id=template_id,
        title=as_text(told.get("title")) or template_id,
        source=Source.UPLOADED,
        description=as_text(told.get("description")) or "",
        media_type=as_text(told.get("media_type")),
        modified_at=datetime.fromtimestamp(modified, UTC),
    )
