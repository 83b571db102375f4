"""Files that workflows load."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from backend.client.connection import Connection
from backend.client.models import InputFile

PATH = "/api/inputs"
CHUNK_BYTES = 1_000_000


class InputsClient:
    """`/api/inputs`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def upload(self, path: Path) -> InputFile:
        """Upload a file, and return the name that nodes load it by. Raise OSError where it cannot be read."""
        return await self._connection.post(PATH, InputFile, params={"name": path.name}, content=_chunks(path))


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
