"""Tools for templates."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from backend.auth.tools import Tool
from backend.core.errors import AppError
from backend.presets.schemas import WorkflowRequirements
from backend.templates.schemas import TemplateView
from backend.templates.service import TemplateFilter, Templates
from backend.web.features import Registry

TemplateId = Annotated[
    str, Field(max_length=500, description="Id of a template, such as `official:image_flux`.")
]


class TemplateReport(BaseModel):
    id: str
    title: str
    description: str
    inputs: dict[str, Any] | None = Field(
        description="JSON Schema of what can be set; null if that is unknown."
    )
    problem: str | None = Field(
        description="Why it cannot run on this pod, such as a node type that is missing."
    )
    requirements: WorkflowRequirements = Field(
        description="Models and custom nodes, and which of them are missing."
    )


class TemplateTools:
    def __init__(self, templates: Templates):
        self._templates = templates

    async def templates_search(
        self,
        query: Annotated[str, Field(max_length=200, description="Words that must all occur.")] = "",
        media_type: Annotated[
            str | None, Field(max_length=20, description="`image`, `video`, `audio`, `3d` or `text`.")
        ] = None,
        paid: Annotated[bool, Field(description="Include those that call paid services.")] = False,
        limit: Annotated[int, Field(ge=1, le=50)] = 20,
    ) -> list[TemplateView]:
        """Search workflows to start from: the user's own, those saved in ComfyUI, and ComfyUI's official ones."""
        found = await self._templates.search(TemplateFilter(q=query, media_type=media_type, paid=paid))
        return [TemplateView.of(each) for each in found[:limit]]

    async def templates_get(self, template_id: TemplateId) -> TemplateReport:
        """Return the inputs of a template, and the models and nodes that it needs. Open it with `workflows_open`."""
        template = await self._templates.get(template_id)
        inputs, problem = None, None
        try:
            inputs = await self._templates.schema(template)
        except AppError as error:  # the requirements say what to install
            problem = error.message
        return TemplateReport(
            id=template.id,
            title=template.title,
            description=template.description,
            inputs=inputs,
            problem=problem,
            requirements=await self._templates.requirements(template),
        )


def tools(registry: Registry) -> tuple[Tool, ...]:
    """Return the tools for templates."""
    tool = TemplateTools(registry.get(Templates))
    return (
        Tool(run=tool.templates_search, title="Search templates"),
        Tool(run=tool.templates_get, title="Show a template"),
    )
