"""What the API of templates returns."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from backend.templates.models import Source, Template, TemplateSummary
from backend.workflows.graph import WorkflowFormat


class TemplateView(BaseModel):
    """A template in a list."""

    id: str
    title: str
    source: Source
    description: str
    media_type: str | None = Field(
        description="`image`, `video`, `audio`, `3d` or `text`; null where only the file would tell."
    )
    category: str | None
    tags: tuple[str, ...]
    paid: bool = Field(description="Its nodes call a paid service.")
    modified_at: datetime | None
    problem: str | None = Field(description="Why it cannot be used.")

    @classmethod
    def of(cls, summary: TemplateSummary) -> "TemplateView":
        return cls.model_validate(summary, from_attributes=True)


class TemplateDetails(BaseModel):
    """A template with its workflow."""

    id: str
    title: str
    source: Source
    version: str = Field(description="Hash of the workflow.")
    description: str
    media_type: str | None
    required_inputs: tuple[str, ...] = Field(description="Inputs without which no job is made.")
    format: WorkflowFormat = Field(description="`ui`: as the editor saves it; `api`: as ComfyUI runs it.")
    workflow: dict[str, Any]

    @classmethod
    def of(cls, template: Template) -> "TemplateDetails":
        return cls(
            id=template.id,
            title=template.title,
            source=template.source,
            version=template.version,
            description=template.description,
            media_type=template.media_type,
            required_inputs=template.required_inputs,
            format=template.workflow.format,
            workflow=template.document,
        )
