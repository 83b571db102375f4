"""Workflows that users have dropped or pasted, so that what was found out about each has an address."""

import asyncio
import hashlib
import re
from pathlib import Path

from backend.core.errors import NotFound
from backend.core.files import write_atomically

# The oldest are deleted.
MOST = 20
ID = re.compile(r"^[0-9a-f]{16}$")


class AddedWorkflows:
    """The newest workflows, in a folder. The same content has the same id."""

    def __init__(self, folder: Path):
        self._folder = folder

    async def save(self, content: bytes) -> str:
        """Save a workflow, or a picture with one. Return its id."""
        return await asyncio.to_thread(self._save, content)

    async def read(self, workflow_id: str) -> bytes:
        """Return a saved workflow. Raise NotFound when it is not stored any more."""
        if ID.match(workflow_id):
            try:
                return await asyncio.to_thread((self._folder / workflow_id).read_bytes)
            except OSError:
                pass
        raise NotFound("This workflow is not stored any more. Drop or paste it again.")

    def _save(self, content: bytes) -> str:
        workflow_id = hashlib.sha256(content).hexdigest()[:16]
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._folder / workflow_id, content, mode=0o600)
        saved = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in saved[MOST:]:
            path.unlink(missing_ok=True)
        return workflow_id
