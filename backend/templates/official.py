"""ComfyUI's own templates, from the package that the presets read, too."""

import asyncio
from dataclasses import dataclass
from functools import cache
from typing import Any

from backend.presets import official
from backend.templates.models import Source, Template, TemplateSummary, template_of
from backend.templates.sources import no_template
from backend.workflows.graph import Json
from backend.workflows.parsing import as_dict, as_list, as_text
from backend.workflows.reader import read_workflow

PREFIX = "official:"
# What the index calls the output, where it differs.
MEDIA_TYPES = {"llm": "text"}


@dataclass(frozen=True, slots=True)
class _Entry:
    summary: TemplateSummary
    io: Json


class OfficialTemplates:
    source = Source.OFFICIAL

    async def summaries(self) -> list[TemplateSummary]:
        entries = await asyncio.to_thread(_entries)
        return [entry.summary for entry in entries.values()]

    async def read(self, template_id: str) -> Template:
        return await asyncio.to_thread(_read, template_id)


@cache
def _entries() -> dict[str, _Entry]:
    """Return the index by id. It cannot change while the process runs; a template of several groups counts once."""
    found: dict[str, _Entry] = {}
    for group in official.index():
        for entry in group["templates"]:
            name = f"{PREFIX}{entry['name']}"
            found.setdefault(name, _Entry(_summary(name, group, entry, len(found)), as_dict(entry.get("io"))))
    return found


def _summary(
    template_id: str, group: dict[str, Any], entry: dict[str, Any], position: int
) -> TemplateSummary:
    kind = as_text(group.get("type"))
    return TemplateSummary(
        id=template_id,
        title=as_text(entry.get("title")) or entry["name"],
        source=Source.OFFICIAL,
        description=as_text(entry.get("description")) or "",
        media_type=MEDIA_TYPES.get(kind, kind) if kind else None,
        category=as_text(group.get("title")),
        tags=tuple(map(str, as_list(entry.get("tags")))),
        paid=entry.get("openSource") is False,
        position=position,
    )


def _read(template_id: str) -> Template:
    entry = _entries().get(template_id)
    if entry is None:
        raise no_template(template_id)
    workflow = read_workflow(official.content_of(template_id.removeprefix(PREFIX)))
    return template_of(entry.summary, workflow, io=entry.io)


def io_of(template_id: str) -> Json:
    """Return which nodes of a template load and save files, as the index says. Reads the index at first."""
    entry = _entries().get(template_id)
    return entry.io if entry else {}
