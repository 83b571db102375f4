"""What every source of templates offers."""

from typing import Protocol

from backend.core.errors import NotFound
from backend.templates.models import Source, Template, TemplateSummary


class TemplateSource(Protocol):
    source: Source

    async def summaries(self) -> list[TemplateSummary]:
        """List the templates without reading their files."""

    async def read(self, template_id: str) -> Template:
        """Return a template by its id. Raise NotFound where this source has none of that id."""


def no_template(template_id: str) -> NotFound:
    return NotFound(
        f"There is no template `{template_id[:200]}`. `comfypod templates ls` lists all templates.",
        code="unknown_template",
    )
