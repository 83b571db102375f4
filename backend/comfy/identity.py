"""Tells one ComfyUI process from the next.

No route of ComfyUI says when it started, and a client that asks over HTTP cannot see a restart between two requests.
But ComfyUI empties its `temp` folder whenever it starts. So a small file there, with a random id in it, lives exactly
as long as the process: every client reads the same id, also after a restart of its own.

Where something else empties that folder, the id changes although the process is the same. So a new id means that
the process may be another one: reason enough to fill a cache again, not to give up a prompt.
"""

import re
import uuid

from backend.comfy.errors import InvalidResponse
from backend.comfy.files import Files
from backend.comfy.outcomes import FileReference
from backend.comfy.transport import Transport

MARKER = FileReference(filename="comfypod-process.txt", type="temp")
ID = re.compile(rb"[0-9a-f]{32}")
MOST_BYTES = 1000


class ProcessIdentity:
    def __init__(self, transport: Transport, files: Files):
        self._transport = transport
        self._files = files

    async def current(self) -> str:
        """Return the id of the process that answers now, the same for every client."""
        found = await self._read()
        if not ID.fullmatch(found or b""):
            # Of two clients at the same moment, the second one's file gets another name: both read the first one's.
            new = uuid.uuid4().hex.encode()
            await self._files.upload(new, MARKER.filename, type_=MARKER.type, overwrite=found is not None)
            found = await self._read()
        if not found or not ID.fullmatch(found):
            raise InvalidResponse("POST /upload/image", "what was uploaded cannot be read")
        return found.decode()

    async def _read(self) -> bytes | None:
        """Return what the file holds; None if there is none."""
        query = {"filename": MARKER.filename, "subfolder": MARKER.subfolder, "type": MARKER.type}
        reply = await self._transport.request("GET", "/view", query=query, most_bytes=MOST_BYTES)
        if reply.status == 404:
            return None
        if not reply.is_success:
            raise reply.rejected()
        return reply.body
