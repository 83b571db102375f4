"""Tools for files on hubs."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.auth.tools import Tool
from backend.sources.api_errors import as_api_errors
from backend.sources.listing import listing_view
from backend.sources.schemas import RemoteFileView
from backend.sources.service import Sources
from backend.web.features import Registry

MAX_FILES = 100


class FilesFound(BaseModel):
    title: str
    page: str | None
    licence: str | None
    message: str | None = Field(description="What a user must do before the files can be downloaded.")
    files: list[RemoteFileView] = Field(description="At most 100.")
    more_files: int


class SourceTools:
    def __init__(self, sources: Sources):
        self._sources = sources

    async def models_find(
        self,
        url: Annotated[
            str,
            Field(
                max_length=4096,
                description="A repository or folder on Hugging Face (`https://huggingface.co/OWNER/NAME`), a model on "
                "Civitai, or a file.",
            ),
        ],
    ) -> FilesFound:
        """List the files at a URL with sizes, hashes, formats, scans, licence and the folder that they belong in."""
        with as_api_errors():
            listing = listing_view(await self._sources.listing(url))
        return FilesFound(
            title=listing.title,
            page=listing.page,
            licence=listing.licence,
            message=listing.message,
            files=listing.files[:MAX_FILES],
            more_files=max(len(listing.files) - MAX_FILES, 0),
        )


def tools(registry: Registry) -> tuple[Tool, ...]:
    """Return the tools for files on hubs."""
    return (
        Tool(
            run=SourceTools(registry.get(Sources)).models_find,
            title="Find models on hubs",
            open_world=True,
        ),
    )
