"""Writes one output to the disk while it arrives, and hashes it."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from backend.jobs.staging import Staging

# Small outputs cost one call of a thread.
BUFFER_BYTES = 1_000_000


class OutputWriter:
    """Its properties are valid after the block of `new_output`."""

    def __init__(self, staging: Staging):
        self.path = Path()
        self.size = 0
        self._staging = staging
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._buffer = bytearray()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    async def write(self, chunk: bytes) -> None:
        self._buffer += chunk
        if len(self._buffer) >= BUFFER_BYTES:
            await asyncio.to_thread(self._store)

    def _store(self) -> BinaryIO:
        if self._file is None:
            self.path = self._staging.new_file()
            self._file = self.path.open("xb")
        self._digest.update(self._buffer)
        self._file.write(self._buffer)
        self.size += len(self._buffer)
        self._buffer.clear()
        return self._file

    def finish(self) -> None:
        """Put the whole file on the disk."""
        file = self._store()
        file.flush()
        os.fsync(file.fileno())
        file.close()

    def close(self) -> None:
        if self._file:
            self._file.close()


@asynccontextmanager
async def new_output(staging: Staging) -> AsyncIterator[OutputWriter]:
    """Write a file. It is complete and on disk when the block ends without an error."""
    writer = OutputWriter(staging)
    try:
        yield writer
        await asyncio.to_thread(writer.finish)
    finally:
        writer.close()
