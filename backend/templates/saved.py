"""Workflows that a user has saved in ComfyUI's editor."""

import asyncio
from datetime import UTC, datetime
from pathlib import PurePosixPath

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError, FileMissing
from backend.comfy.user_files import UserFile
from backend.templates.models import Source, Template, TemplateSummary, template_of
from backend.templates.sources import no_template
from backend.workflows.reader import read_workflow

PREFIX = "comfyui:"
FOLDER = "workflows"
SUFFIX = ".json"


class SavedWorkflows:
    source = Source.COMFYUI

    def __init__(self, comfy: ComfyClient):
        self._comfy = comfy

    async def summaries(self) -> list[TemplateSummary]:
        """None while ComfyUI does not answer: it starts, or is stopped."""
        try:
            files = await self._comfy.user_files.list_folder(FOLDER)
        except ComfyError:
            return []
        return [_summary(file) for file in files if file.path.endswith(SUFFIX)]

    async def read(self, template_id: str) -> Template:
        path = f"{template_id.removeprefix(PREFIX)}{SUFFIX}"
        if ".." in PurePosixPath(path).parts:
            raise no_template(template_id)
        try:
            content = await self._comfy.user_files.read(f"{FOLDER}/{path}")
        except FileMissing:
            raise no_template(template_id) from None
        workflow = await asyncio.to_thread(read_workflow, content)
        summary = TemplateSummary(id=template_id, title=_title(path), source=self.source)
        return template_of(summary, workflow)


def _summary(file: UserFile) -> TemplateSummary:
    return TemplateSummary(
        id=f"{PREFIX}{file.path.removesuffix(SUFFIX)}",
        title=_title(file.path),
        source=Source.COMFYUI,
        modified_at=datetime.fromtimestamp(file.modified / 1000, UTC),
    )


def _title(path: str) -> str:
    """`portraits/cat.app.json`: the editor saves a workflow in app mode with a suffix of its own."""
    return path.removesuffix(SUFFIX).removesuffix(".app")
