"""Presets, and the files that workflows need."""

from typing import Any

from backend.client.connection import Connection, given, part
from backend.client.models import (
    ExportReport,
    FetchReport,
    Preset,
    PresetStatus,
    PresetSummary,
    Transfer,
    UpdateReport,
    WorkflowRequirements,
)

PATH = "/api/presets"
PAGE = 1000


class PresetsClient:
    """`/api/presets`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def search(
        self, q: str = "", *, category: str | None = None, installed: bool | None = None
    ) -> list[PresetSummary]:
        query = given(q=q, category=category, installed=installed, limit=PAGE)
        return await self._connection.all(PATH, list[PresetSummary], **query)

    async def get(self, preset_id: str) -> Preset:
        return await self._connection.get(f"{PATH}/{part(preset_id)}", Preset)

    async def status(self, preset_id: str, *, ask: bool = False) -> PresetStatus:
        """With `ask`, hubs are asked for sizes that are unknown."""
        return await self._connection.get(f"{PATH}/{part(preset_id)}/status", PresetStatus, ask=ask)

    async def download(
        self, preset_id: str, *, allow_pickle: bool = False, replace: bool = False
    ) -> list[Transfer]:
        query = {"allow_pickle": allow_pickle, "replace": replace}
        path = f"{PATH}/{part(preset_id)}/download"
        return await self._connection.post(path, list[Transfer], params=query)

    async def keep(self, preset_id: str, file: str | None = None) -> PresetStatus:
        """Keep different files that have the names of the preset's: `file`, or all of them."""
        return await self._connection.post(_keep_path(preset_id), PresetStatus, params=given(file=file))

    async def undo_keep(self, preset_id: str, file: str | None = None) -> PresetStatus:
        """Forget the decision to keep `file`, or all such decisions."""
        path, query = _keep_path(preset_id), given(file=file)
        response = await self._connection.request("DELETE", path, params=query)
        return PresetStatus.model_validate_json(response.content)

    async def update(self) -> UpdateReport:
        """Read all definitions again."""
        return await self._connection.post(f"{PATH}/update", UpdateReport)

    async def add(self, definition: bytes) -> Preset:
        return await self._connection.post(f"{PATH}/import", Preset, content=definition)

    async def add_from(self, url: str) -> Preset:
        return await self._connection.post(f"{PATH}/import", Preset, params={"url": url})

    async def export(self, **options: Any) -> ExportReport:
        """Describe files of the pod as a preset. Ask again while files are being hashed."""
        return await self._connection.post(f"{PATH}/export", ExportReport, json=options)

    async def requirements(self, workflow: bytes) -> WorkflowRequirements:
        path = f"{PATH}/from-workflow"
        return await self._connection.post(path, WorkflowRequirements, content=workflow)

    async def download_for(self, workflow: bytes, *, allow_pickle: bool = False) -> FetchReport:
        """Download what a workflow lacks."""
        path, query = f"{PATH}/from-workflow/download", {"allow_pickle": allow_pickle}
        return await self._connection.post(path, FetchReport, content=workflow, params=query)


def _keep_path(preset_id: str) -> str:
    return f"{PATH}/{part(preset_id)}/keep"
