"""Tools for the models of this pod."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.auth.tools import Tool
from backend.storage.service import Storage
from backend.web.features import Registry


class ModelFound(BaseModel):
    folder: str = Field(description="ComfyUI's name of the folder.")
    filename: str
    bytes: int


class ModelsFound(BaseModel):
    models: list[ModelFound]
    total: int = Field(description="How many match in all.")


class StorageTools:
    def __init__(self, storage: Storage):
        self._storage = storage

    async def models_search(
        self,
        query: Annotated[
            str, Field(max_length=200, description="Words that must all occur in folder or name.")
        ] = "",
        folder: Annotated[
            str, Field(max_length=255, description="ComfyUI's model folder, such as `loras`.")
        ] = "",
        limit: Annotated[int, Field(ge=1, le=200)] = 50,
    ) -> ModelsFound:
        """Search the model files that are installed on this pod."""
        words, below = query.lower().split(), f"{folder.strip('/')}/"
        found = [
            file
            for file in await self._storage.files()
            if (below == "/" or f"{file.folder}/".startswith(below))
            and all(word in file.place.lower() for word in words)
        ]
        found.sort(key=lambda file: file.place)
        models = [ModelFound(folder=each.folder, filename=each.filename, bytes=each.bytes) for each in found]
        return ModelsFound(models=models[:limit], total=len(found))


def tools(registry: Registry) -> tuple[Tool, ...]:
    """Return the tools for the models of this pod."""
    return (Tool(run=StorageTools(registry.get(Storage)).models_search, title="Search installed models"),)
