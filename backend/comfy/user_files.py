"""Files of the editor's user, workflows among them."""

from urllib.parse import quote

from backend.comfy.errors import FileMissing, Rejected
from backend.comfy.transport import MEGABYTE, Reply, Transport
from backend.comfy.wire import Wire, as_list, read

MOST_BYTES = 64 * MEGABYTE


class UserFile(Wire):
    # Below the folder that was listed.
    path: str
    size: int
    # Milliseconds since 1970.
    modified: float


class UserFiles:
    def __init__(self, transport: Transport):
        self._transport = transport

    async def list_folder(self, folder: str = "workflows") -> list[UserFile]:
        """Return the files in a folder and below it; nothing where there is none yet."""
        query = {"dir": folder, "recurse": "true", "full_info": "true"}
        reply = await self._transport.request("GET", "/userdata", query=query)
        if reply.status == 404:
            return []
        if not reply.is_success:
            raise reply.rejected()
        return [read(UserFile, entry, reply.request) for entry in as_list(reply.json(), reply.request)]

    async def read(self, path: str) -> bytes:
        reply = await self._transport.request("GET", _address(path), most_bytes=MOST_BYTES)
        return _found(reply, path).body

    async def write(self, path: str, content: bytes, *, overwrite: bool = False) -> None:
        """Write a file; raise `Rejected` with status 409 for a name that is taken."""
        query = {"overwrite": "true" if overwrite else "false"}
        reply = await self._transport.send("POST", _address(path), params=query, content=content)
        if reply.status == 409:
            raise Rejected(f"There is a file `{path}` already.", upstream_status=409)
        _found(reply, path)

    async def delete(self, path: str) -> None:
        _found(await self._transport.request("DELETE", _address(path)), path)


def _address(path: str) -> str:
    """Encode twice what holds a percent sign: ComfyUI decodes such a name once more."""
    encoded = quote(path, safe="", errors="replace")
    return f"/userdata/{quote(encoded, safe='') if '%' in path else encoded}"


def _found(reply: Reply, path: str) -> Reply:
    if reply.status == 404:
        raise FileMissing(path)
    if not reply.is_success:
        raise reply.rejected()
    return reply
