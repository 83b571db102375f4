"""Tools for presets: named sets of model files."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.auth.principal import Scope
from backend.auth.tools import Tool
from backend.downloads.schemas import TransferView
from backend.downloads.service import Downloads
from backend.presets.listing import Filters, PresetList
from backend.presets.schemas import PresetState, PresetStatus, PresetSummary
from backend.presets.service import Presets
from backend.web.features import Registry


class PresetFound(BaseModel):
    id: str
    title: str
    state: PresetState
    files: int

    @classmethod
    def of(cls, summary: PresetSummary) -> "PresetFound":
        preset = summary.preset
        return cls(id=preset.id, title=preset.title, state=summary.state, files=len(preset.files))


PresetName = Annotated[str, Field(max_length=200, description="Id of a preset, from `presets_search`.")]


class PresetTools:
    def __init__(self, presets: Presets, presets_list: PresetList, downloads: Downloads):
        self._presets = presets
        self._list = presets_list
        self._downloads = downloads

    async def presets_search(
        self,
        query: Annotated[str, Field(max_length=200, description="Words that must all occur.")] = "",
        installed: Annotated[
            bool | None, Field(description="Only those that are, or are not, installed.")
        ] = None,
        limit: Annotated[int, Field(ge=1, le=50)] = 20,
    ) -> list[PresetFound]:
        """Search presets, sets of model files that are downloaded together."""
        await self._presets.catalogue.until_loaded()
        found = await self._list.search(Filters(q=query, installed=installed))
        return [PresetFound.of(each) for each in found[:limit]]

    async def presets_get(self, preset_id: PresetName) -> PresetStatus:
        """Return the files of a preset with sizes, which of them are installed, and the free space."""
        await self._presets.catalogue.until_loaded()
        return await self._presets.status(preset_id, ask=True)

    async def presets_download(self, preset_id: PresetName) -> list[TransferView]:
        """Download every file of a preset that is missing. Files of pickle formats need the user's own consent."""
        await self._presets.catalogue.until_loaded()
        return [self._downloads.view(each) for each in await self._presets.download(preset_id)]


def tools(registry: Registry) -> tuple[Tool, ...]:
    """Return the tools for presets."""
    tool = PresetTools(registry.get(Presets), registry.get(PresetList), registry.get(Downloads))
    return (
        Tool(run=tool.presets_search, title="Search presets"),
        Tool(run=tool.presets_get, title="Show a preset", open_world=True),
        Tool(
            run=tool.presets_download,
            title="Download a preset",
            scope=Scope.RUN,
            idempotent=True,
            open_world=True,
        ),
    )
