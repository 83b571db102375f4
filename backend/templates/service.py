"""Templates as users and other features handle them: list, get, add, prepare jobs."""

import asyncio
import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.comfy.client import ComfyClient
from backend.core.errors import Conflict, InvalidRequest, NotFound
from backend.presets.requirements import Requirements
from backend.presets.schemas import WorkflowRequirements
from backend.presets.service import Presets
from backend.templates import official
from backend.templates.models import (
    Source,
    Template,
    TemplateSummary,
    template_of,
)
from backend.templates.preparation import Preparation
from backend.templates.sources import TemplateSource, no_template
from backend.templates.uploads import UploadedTemplates
from backend.workflows.bindings import json_schema
from backend.workflows.editor_nodes import EDITOR_ONLY
from backend.workflows.graph import Json, Workflow
from backend.workflows.reader import read_workflow, workflow_of

MAX_TYPES = 1_000
# The order of sources in lists.
RANK = {source: rank for rank, source in enumerate(Source)}


@dataclass(frozen=True, kw_only=True)
class TemplateFilter:
    # Words that must all occur in id, title, category or tags.
    q: str = ""
    sources: frozenset[Source] = frozenset()
    media_type: str | None = None
    # Whether those that call paid services are listed.
    paid: bool = True

    def matches(self, summary: TemplateSummary) -> bool:
        text = " ".join((summary.id, summary.title, summary.category or "", *summary.tags)).lower()
        return (
            (not self.sources or summary.source in self.sources)
            and (self.media_type is None or summary.media_type == self.media_type)
            and (self.paid or not summary.paid)
            and all(word in text for word in self.q.lower().split())
        )


def sort_key(summary: TemplateSummary) -> tuple[str | int, ...]:
    return RANK[summary.source], summary.position, summary.title.lower(), summary.id


class Templates:
    """Every workflow of this pod that jobs can be made from."""

    def __init__(
        self,
        sources: Sequence[TemplateSource],
        uploads: UploadedTemplates,
        comfy: ComfyClient,
        presets: Presets,
        requirements: Requirements,
    ):
        self._sources = {source.source: source for source in (*sources, uploads)}
        self._uploads = uploads
        self._comfy = comfy
        self._presets = presets
        self._requirements = requirements

    async def search(self, wanted: TemplateFilter = TemplateFilter()) -> list[TemplateSummary]:
        """Return templates by source, then by title; the official ones as ComfyUI sorts them."""
        chosen = [
            source for kind, source in self._sources.items() if not wanted.sources or kind in wanted.sources
        ]
        listed = await asyncio.gather(*(source.summaries() for source in chosen))
        return sorted((entry for part in listed for entry in part if wanted.matches(entry)), key=sort_key)

    async def get(self, name: str) -> Template:
        """Return a template by its id, or by a name that only one template has: `cat` for `comfyui:cat`."""
        prefix, colon, _ = name.partition(":")
        source = Source(prefix) if colon and prefix in RANK else Source.WORKFLOWS_YAML
        try:
            return await self._sources[source].read(name)
        except NotFound:
            if source is not Source.WORKFLOWS_YAML:
                raise
        return await self._named(name)

    async def _named(self, name: str) -> Template:
        summaries = await self.search()
        ids = [entry.id for entry in summaries if name in (entry.name, entry.title)]
        if len(ids) == 1:
            return await self.get(ids[0])
        if ids:
            raise Conflict(
                f"Several templates are named `{name[:200]}`: {', '.join(ids[:5])}. Give the id of one.",
                code="ambiguous_template",
                ids=ids[:5],
            )
        alike = difflib.get_close_matches(name[:80], [entry.name for entry in summaries], n=3)
        if not alike:
            raise no_template(name)
        raise NotFound(
            f"There is no template `{name[:200]}`. Similar names: {', '.join(alike)}.",
            code="unknown_template",
        )

    async def add(self, title: str, content: bytes, description: str = "") -> Template:
        """Keep a workflow, from JSON in either format or from a file that ComfyUI saved."""
        workflow = await asyncio.to_thread(read_workflow, content)
        return await self._uploads.add(title, workflow, description=description)

    async def remove(self, template_id: str) -> None:
        """Delete an uploaded template. The jobs made from it keep its workflow."""
        if not template_id.startswith(f"{Source.UPLOADED}:"):
            raise Conflict(
                "Only uploaded templates can be deleted here. Delete a saved workflow in ComfyUI, and a file of the "
                "folder `workflows` on the volume.",
                code="not_uploaded",
            )
        await self._uploads.remove(template_id)

    async def of_document(self, document: Json, template_id: str = "") -> Template:
        """Return a template for a workflow that is kept nowhere, or that a job was made from earlier."""
        summary = TemplateSummary(
            id=template_id or "workflow", title=template_id or "workflow", source=Source.UPLOADED
        )
        workflow = await asyncio.to_thread(workflow_of, document)
        io = await asyncio.to_thread(official.io_of, template_id) if template_id else {}
        return await asyncio.to_thread(lambda: template_of(summary, workflow, io=io))

    async def preparation(self, template: Template, *, fresh: bool = False) -> Preparation:
        """Convert a template for the ComfyUI that runs. Raise Unreachable when none does.

        `fresh`: with menus that list the model files of this moment.
        """
        info = await self._object_info(template.workflow, fresh=fresh)
        return await asyncio.to_thread(Preparation, template, info)

    async def schema(self, template: Template, *, everything: bool = False) -> Json:
        """Return the JSON Schema of the form; with `everything`, of all inputs that can be set."""
        preparation = await self.preparation(template, fresh=True)
        bindings = preparation.bindings
        if everything:
            bindings = tuple(replace(item, natural=True) for item in bindings)
        schema = json_schema(bindings)
        required = [name for name in template.required_inputs if name in schema["properties"]]
        return {**schema, "title": template.title, **({"required": required} if required else {})}

    async def requirements(self, template: Template) -> WorkflowRequirements:
        """Return the files and nodes that a template needs, with sizes, and which of them are here."""
        await self._presets.catalogue.until_loaded()
        content = await asyncio.to_thread(lambda: json.dumps(template.document).encode())
        return await self._requirements.of(content)

    async def _object_info(self, workflow: Workflow, *, fresh: bool) -> Json:
        types = {node.type for node in workflow.all_nodes if node.type not in EDITOR_ONLY}
        types = {name for name in types if not workflow.is_container(name)}
        if len(types) > MAX_TYPES:
            raise InvalidRequest(f"The workflow has more than {MAX_TYPES} types of nodes.", code="too_large")
        described = await self._comfy.node_types.describe(types, fresh=fresh)
        return {name: node_type.raw for name, node_type in described.items()}
