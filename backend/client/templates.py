"""Templates: the workflows of a pod, and their inputs."""

from typing import Any
from urllib.parse import quote

from backend.client.connection import Connection, given
from backend.client.models import TemplateDetails, TemplateSummary, WorkflowRequirements

PATH = "/api/templates"
PAGE = 1000


class TemplatesClient:
    """`/api/templates`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def search(
        self, q: str = "", *, source: str | None = None, media_type: str | None = None, paid: bool = False
    ) -> list[TemplateSummary]:
        query = given(q=q, source=source, media_type=media_type, paid=paid, limit=PAGE)
        return await self._connection.all(PATH, list[TemplateSummary], **query)

    async def get(self, template_id: str) -> TemplateDetails:
        """Return a template by its id, or by a name that only one has."""
        return await self._connection.get(f"{PATH}/{quote(template_id)}", TemplateDetails)

    async def schema(self, template_id: str, *, everything: bool = False) -> dict[str, Any]:
        """Return the inputs of the form as JSON Schema, or every input."""
        path = f"{PATH}/schema/{quote(template_id)}"
        return await self._connection.get(path, dict[str, Any], all=everything)

    async def requirements(self, template_id: str) -> WorkflowRequirements:
        return await self._connection.get(f"{PATH}/requirements/{quote(template_id)}", WorkflowRequirements)

    async def add(self, title: str, workflow: bytes, description: str = "") -> TemplateDetails:
        """Keep a workflow on the pod's volume."""
        query = {"title": title, "description": description}
        return await self._connection.post(PATH, TemplateDetails, content=workflow, params=query)

    async def remove(self, template_id: str) -> None:
        await self._connection.request("DELETE", f"{PATH}/{quote(template_id)}")
