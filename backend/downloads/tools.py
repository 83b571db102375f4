"""Tools for downloads, the installation of a model among them."""

from typing import Annotated, Literal

from pydantic import Field

from backend.auth.principal import Scope
from backend.auth.tools import Tool
from backend.downloads.cancellations import Cancellations
from backend.downloads.models import FileRequest, Transfer
from backend.downloads.schemas import TransferView
from backend.downloads.service import Downloads
from backend.web.features import Registry


class DownloadTools:
    def __init__(self, downloads: Downloads, cancellations: Cancellations):
        self._downloads = downloads
        self._cancellations = cancellations

    async def models_install(
        self,
        url: Annotated[
            str, Field(max_length=4096, description="One file on Hugging Face, Civitai or elsewhere.")
        ],
        folder: Annotated[str, Field(max_length=255, description="ComfyUI's model folder, such as `loras`.")],
        filename: Annotated[
            str | None, Field(max_length=255, description="Default: as at the source.")
        ] = None,
        sha256: Annotated[
            str | None, Field(pattern="^[0-9a-fA-F]{64}$", description="Expected hash.")
        ] = None,
    ) -> TransferView:
        """Download one model file. Find its URL with `models_find`. Pickle formats need the user's own consent."""
        request = FileRequest(url=url, folder=folder, filename=filename, sha256=sha256)
        return self._downloads.view(await self._downloads.request(request))

    async def downloads_list(self, limit: Annotated[int, Field(ge=1, le=100)] = 30) -> list[TransferView]:
        """List the downloads that have not ended, in the order of the queue, with progress and problems."""
        return [self._downloads.view(each) for each in (await self._downloads.unfinished())[:limit]]

    async def downloads_get(self, transfer_id: Annotated[str, Field(max_length=64)]) -> TransferView:
        """Return one download."""
        return self._downloads.view(await self._downloads.get(transfer_id))

    async def downloads_change(
        self,
        transfer_id: Annotated[str, Field(max_length=64)],
        action: Literal["pause", "resume", "retry", "cancel"],
    ) -> TransferView:
        """Pause, resume, retry or cancel a download. Cancelling deletes what it has received."""
        return self._downloads.view(await self._act(transfer_id, action))

    async def _act(self, transfer_id: str, action: str) -> Transfer:
        match action:
            case "pause":
                return await self._downloads.pause(transfer_id)
            case "resume":
                return await self._downloads.resume(transfer_id)
            case "retry":
                return await self._downloads.retry(transfer_id)
        return await self._cancellations.cancel(transfer_id)


def tools(registry: Registry) -> tuple[Tool, ...]:
    """Return the tools for downloads."""
    tool = DownloadTools(registry.get(Downloads), registry.get(Cancellations))
    return (
        Tool(
            run=tool.models_install,
            title="Install a model",
            scope=Scope.RUN,
            idempotent=True,
            open_world=True,
        ),
        Tool(run=tool.downloads_list, title="List downloads"),
        Tool(run=tool.downloads_get, title="Show a download"),
        Tool(
            run=tool.downloads_change,
            title="Change a download",
            scope=Scope.RUN,
            destructive=True,
            idempotent=True,
        ),
    )
