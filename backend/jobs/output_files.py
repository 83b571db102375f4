"""Finds the files that jobs have made."""

import asyncio
from pathlib import Path

from backend.core.errors import NotFound
from backend.jobs.models import Output


class JobOutputFiles:
    """Files below one folder; paths in records cannot lead out of it."""

    def __init__(self, folder: Path):
        self.folder = folder

    async def find(self, output: Output) -> Path:
        """Return the file of an output. NotFound when it was deleted or moved."""
        return await asyncio.to_thread(self._find, output)

    def _find(self, output: Output) -> Path:
        path = (self.folder / output.path).resolve()
        if not path.is_file() or not path.is_relative_to(self.folder.resolve()):
            raise NotFound(f"{output.path} is not on this pod any more. It was deleted or moved.")
        return path
