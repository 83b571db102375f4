"""The model files that ComfyUI offers in its menus."""

from typing import Any

from backend.comfy.transport import Transport, segment
from backend.comfy.wire import as_dict, as_names


class ModelFolders:
    """Read anew each time: a file that has just arrived is offered at once."""

    def __init__(self, transport: Transport):
        self._transport = transport

    async def kinds(self) -> list[str]:
        """Return the names of the folders: `checkpoints`, `loras`, …"""
        return as_names(await self._transport.get_json("/models"), "GET /models")

    async def files(self, folder: str) -> list[str]:
        """Return what a folder offers; nothing for one that ComfyUI does not know."""
        ending = segment(folder)
        reply = await self._transport.request("GET", f"/models/{ending}") if ending else None
        if reply is None or reply.status == 404:
            return []
        if not reply.is_success:
            raise reply.rejected()
        return as_names(reply.json(), reply.request)

    async def offers(self, folder: str, filename: str) -> bool:
        """Return whether a file can be chosen. `folder` may go below a model folder: `loras/style`."""
        kind, _, below = folder.partition("/")
        wanted = f"{below}/{filename}" if below else filename
        return wanted in {name.replace("\\", "/") for name in await self.files(kind)}

    async def metadata(self, folder: str, filename: str) -> dict[str, Any]:
        """Return what the header of a safetensors file says about the model; nothing where it says nothing."""
        ending = segment(folder)
        if ending is None:
            return {}
        reply = await self._transport.request("GET", f"/view_metadata/{ending}", query={"filename": filename})
        if reply.status == 404:
            return {}
        if not reply.is_success:
            raise reply.rejected()
        return as_dict(reply.json(), reply.request)
