"""Files that a user keeps although a preset or a hub names other content for their path.

Each decision is a small file on the volume, so that pods which share it do not overwrite each other's decisions.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from backend.core.errors import Unavailable
from backend.core.persistence import save_persistently
from backend.storage.models import ModelFile

log = structlog.get_logger(__name__)

LARGEST = 16_384
SECOND_NS = 10**9


class KeptFile(BaseModel):
    """A decision. It holds for this very file: not for one that was changed, or that was created later."""

    model_config = ConfigDict(frozen=True)

    # `vae/ae.safetensors`
    place: str
    bytes: int
    # Not the inode: a network volume may number its files differently in the next pod.
    mtime_ns: int

    def holds_for(self, file: ModelFile) -> bool:
        """Some network volumes store whole seconds, which shows once they are mounted again."""
        times = (self.mtime_ns, self.mtime_ns // SECOND_NS * SECOND_NS)
        return file.bytes == self.bytes and file.mtime_ns in times


class KeptFiles:
    """The decisions, in memory and in `folder`."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._by_place: dict[str, KeptFile] = {}
        self._changing = asyncio.Lock()
        # Grows with every decision.
        self.revision = 0

    async def load(self) -> None:
        self._by_place = {kept.place: kept for kept in await asyncio.to_thread(self._read_all)}

    def among(self, files: Mapping[str, ModelFile]) -> frozenset[str]:
        """Return the paths of the files that a user keeps. `files` are model files by path."""
        return frozenset(
            place for place, kept in self._by_place.items() if place in files and kept.holds_for(files[place])
        )

    async def add(self, file: ModelFile) -> None:
        """Remember the decision. Unavailable when the volume does not take it."""
        kept = KeptFile(place=file.place, bytes=file.bytes, mtime_ns=file.mtime_ns)
        async with self._changing:
            content = kept.model_dump_json().encode()
            await asyncio.to_thread(save_persistently, self._path_of(kept.place), content)
            self._by_place[kept.place] = kept
            self.revision += 1

    async def remove(self, place: str) -> bool:
        """Forget the decision. False when there is none; Unavailable when the volume does not allow it."""
        async with self._changing:
            if place not in self._by_place:
                return False
            await asyncio.to_thread(_delete, self._path_of(place))
            del self._by_place[place]
            self.revision += 1
        return True

    def _path_of(self, place: str) -> Path:
        """A path may be longer than a file name."""
        return self._folder / f"{hashlib.sha256(place.encode()).hexdigest()[:32]}.json"

    def _read_all(self) -> list[KeptFile]:
        """Return all decisions that can be read. Blocks for disk accesses."""
        found = map(_read, sorted(self._folder.glob("*.json")))
        return [kept for kept in found if kept]


def _read(path: Path) -> KeptFile | None:
    try:
        if path.is_file():  # opening a pipe would wait for its other end
            with path.open("rb") as file:
                return KeptFile.model_validate_json(file.read(LARGEST))
    except (OSError, ValidationError):
        log.warning("this file holds no decision about a model; it is ignored", file=path.name)
    return None


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(f"The decision cannot be deleted from the volume: {error.strerror}.") from error
