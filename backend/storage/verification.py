"""Verify model files: read them again, one at a time in the background, whatever hash is on record."""

import asyncio
from collections.abc import Callable, Iterable

from backend.activity.service import Activity
from backend.storage.models import ModelFile
from backend.storage.service import Storage


class Verifications:
    """A queue of files to read. One at a time, because two would share the same disk."""

    def __init__(self, storage: Storage, activity: Activity):
        self._storage = storage
        self._activity = activity
        # By path. A second request for a file joins the first.
        self._waiting: dict[str, ModelFile] = {}
        self._added = asyncio.Event()
        self.on_change: Callable[[], None] = lambda: None
        # Why the last attempt to read a file failed, by path.
        self._errors: dict[str, str] = {}
        # Grows when a file is added or finished.
        self.revision = 0

    def add(self, files: Iterable[ModelFile]) -> int:
        """Queue files. Return how many."""
        added = {str(file.path): file for file in files}
        for path in added:
            self._errors.pop(path, None)
        self._waiting |= added
        self._changed()
        self._added.set()
        return len(added)

    def read_of(self, file: ModelFile) -> int | None:
        """Return how many bytes of a file were read so far; None when it is not being verified."""
        return self._storage.read_of(file) if str(file.path) in self._waiting else None

    def error_of(self, file: ModelFile) -> str | None:
        """Return why the file could not be read, if it could not."""
        return self._errors.get(str(file.path))

    @property
    def is_active(self) -> bool:
        return bool(self._waiting)

    async def run(self) -> None:
        """Read what is queued. Run until cancelled."""
        while True:
            self._added.clear()
            while self._waiting:
                path, file = next(iter(self._waiting.items()))
                await self._verify(path, file)
                self._waiting.pop(path, None)
                self._changed()
            await self._added.wait()

    async def _verify(self, path: str, file: ModelFile) -> None:
        before = await self._storage.known_hash(file)
        try:
            sha256 = await self._storage.read_again(file)
        except OSError as error:
            self._errors[path] = error.strerror or str(error)
            self._activity.note("model.unreadable", file.place, problem=self._errors[path])
            return
        kind = "model.changed" if before not in (None, sha256) else "model.read"
        self._activity.note(kind, file.place, bytes=file.bytes)

    def _changed(self) -> None:
        self.revision += 1
        self.on_change()
