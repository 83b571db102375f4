"""The model files of this pod: list, hash, delete, link and rename them."""

import asyncio
import contextlib
import time
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path

from backend.activity.service import Activity
from backend.core.async_tools import SingleFlight
from backend.core.disk import Disk, disk_of
from backend.core.errors import Conflict, NotFound, Unavailable
from backend.storage import arrangement, deletion
from backend.storage.content import give_another_name, give_second_name, sha256_of
from backend.storage.index import FileIndex, Snapshot
from backend.storage.kept_files import KeptFiles
from backend.storage.listing import path_of
from backend.storage.models import Deleted, ModelFile, StorageView
from backend.storage.scan import look_at
from backend.storage.store import HashStore
from backend.storage.trash.models import TrashRoot
from backend.storage.trash.service import Trash

# How long the disk space is cached.
DISK_SECONDS = 2.0


class Storage:
    """The model folders of the workspace and the additional ones that ComfyUI uses.

    Lists come from the index. Operations that delete, rename or link a file read its state from disk first.
    """

    def __init__(
        self,
        models: Path,
        hashes: HashStore,
        index: FileIndex,
        kept: KeptFiles,
        activity: Activity,
        trash: Trash,
    ):
        self._trash = trash
        self._activity = activity
        self.models = models
        self._hashes = hashes
        self._index = index
        self._kept = kept
        self._hashing: SingleFlight[ModelFile, str] = SingleFlight()
        self._read: dict[ModelFile, int] = {}
        self._disk: Disk | None = None
        self._disk_until = 0.0
        self._disks: SingleFlight[None, Disk] = SingleFlight()

    @property
    def revision(self) -> tuple[int, int, int]:
        """Return a value that changes whenever a model file, a known hash or a decision changes. Up to date after `snapshot`."""
        return self._index.revision, self._hashes.revision, self._kept.revision

    async def snapshot(self) -> Snapshot:
        """Return the model files that ComfyUI offers, from the index."""
        return await self._index.snapshot()

    async def files(self) -> tuple[ModelFile, ...]:
        """Return every model file that ComfyUI offers, from the index."""
        return (await self.snapshot()).files

    async def unfinished(self) -> tuple[ModelFile, ...]:
        """Return the files of interrupted downloads, from the index."""
        return await self._index.unfinished()

    async def at(self, paths: Collection[str]) -> list[ModelFile]:
        """Return the models at these paths, as users see them, from the index. Unknown ones are left out."""
        wanted = set(paths)
        return [file for file in await self.files() if path_of(file, self.models) in wanted]

    async def move(self, path: str, folder: str) -> None:
        """Move a model of the workspace into another folder. Its hash stays known."""
        sha256 = next((self._hashes.get(file) for file in await self.at([path])), None)
        old, new = await asyncio.to_thread(arrangement.move, self.models, path, folder)
        await self.noticed(old, new)
        if sha256:
            await self.remember(folder, new.name, sha256)
        self._activity.note("model.moved", path, folder=folder)

    async def link_copies(self, files: Iterable[ModelFile]) -> tuple[int, int]:
        """Let files of the same known content share its bytes. Return how many changed and the bytes freed."""
        hashes = self._hashes.of(files)
        changed, freed = await asyncio.to_thread(arrangement.link_copies, self.models, hashes)
        by_path = {file.path: (file, sha256) for file, sha256 in hashes.items()}
        await self.noticed(*by_path)
        for path in changed:
            file, sha256 = by_path[path]
            await self.remember(file.folder, file.filename, sha256)
        if changed:
            self._activity.note("model.linked", f"{len(changed)} files", freed=freed)
        return len(changed), freed

    def path_of(self, folder: str, filename: str) -> Path:
        return self.models / folder / filename

    def size_of(self, folder: str, filename: str) -> int | None:
        """Return the current size of a file of the workspace in bytes, or None when it does not exist."""
        try:
            return self.path_of(folder, filename).stat().st_size
        except (OSError, ValueError):
            return None

    async def delete(self, path: str) -> Deleted:
        """Delete the model at this path below the workspace's model folder, and nothing else."""
        if path.startswith("/") and any(str(file.path) == path for file in await self.files()):
            raise Conflict(
                f"{path} is outside the workspace. Delete it where it is stored.", code="elsewhere"
            )
        deleted = await asyncio.to_thread(deletion.delete, self.models, path)
        await self._index.refresh(deleted.file.path)
        with contextlib.suppress(Unavailable):  # the decision does not hold for a file that is created later
            await self._kept.remove(deleted.file.place)
        self._activity.note("model.deleted", deleted.file.place, freed=deleted.freed)
        return deleted

    async def delete_file(self, file: ModelFile) -> Deleted:
        """Delete a model of the workspace that is in the index."""
        return await self.delete(str(file.path).removeprefix(f"{self.models}/"))

    async def put_aside(self, file: ModelFile) -> Path:
        """Give a model of the workspace another name, under which ComfyUI still offers it. Return its new path."""
        if not file.in_workspace:
            raise Conflict(
                f"{file.path} is outside the workspace. Move it where it is stored.", code="elsewhere"
            )
        try:
            renamed = await asyncio.to_thread(give_another_name, file.path)
        except FileNotFoundError:
            raise NotFound(f"{file.place} no longer exists.", place=file.place) from None
        await self._index.refresh(file.path, renamed)
        return renamed

    def note_repair(self, file: ModelFile) -> None:
        """Record in the activity log that a file is downloaded again."""
        self._activity.note("model.repaired", file.place, bytes=file.bytes)

    def kept_among(self, files: Mapping[str, ModelFile]) -> frozenset[str]:
        """Return the paths of the files that a user has decided to keep. `files` are model files by path."""
        return self._kept.among(files)

    async def keep(self, file: ModelFile) -> None:
        """Remember that a user keeps this very file, whatever content a preset names for its path."""
        await self._kept.add(file)
        self._activity.note("model.kept", file.place)

    async def keep_accepted(self, folder: str, filename: str) -> None:
        """Keep a file of the workspace whose content a user has accepted although a hub publishes another hash."""
        path = self.path_of(folder, filename)
        await self.noticed(path)
        file = await asyncio.to_thread(look_at, path, folder, self.models)
        with contextlib.suppress(Unavailable):  # the file is installed; only a preset may ask about it again
            if file:
                await self.keep(file)

    async def undo_keep(self, place: str) -> None:
        """Forget that decision, if there is one."""
        if await self._kept.remove(place):
            self._activity.note("model.keep_undone", place)

    async def link(self, file: ModelFile, folder: str, filename: str) -> bool:
        """Give the content another name as well. Return False when the file systems do not support hard links."""
        sha256, target = self._hashes.get(file), self.path_of(folder, filename)
        linked = await asyncio.to_thread(give_second_name, file.path, target)
        if linked and sha256:
            await self.remember(folder, filename, sha256)
        if linked:
            await self.noticed(file.path, target)
        return linked

    async def noticed(self, *paths: Path) -> None:
        """Update the index for files that were just created, changed or deleted."""
        await self._index.refresh(*paths)
        if any(not self._index.has_directory(path.parent) for path in paths):
            await self._index.scan()

    async def look_again(self, places: Collection[str]) -> None:
        """Update the index for the files with these names."""
        by_place = (await self.snapshot()).by_place
        known = {place: by_place[place].path for place in places if place in by_place}
        paths = [known.get(place, self.models / place) for place in places]
        await self._index.refresh(*paths)
        unknown = {path.parent for path in paths if not self._index.has_directory(path.parent)}
        if await asyncio.to_thread(_any_exists, unknown):
            await self._index.scan()

    async def remember(self, folder: str, filename: str, sha256: str) -> None:
        """Store the hash of a file of the workspace that was computed during the download."""
        path = self.path_of(folder, filename)
        file = await asyncio.to_thread(look_at, path, folder, self.models)
        await self.noticed(path)
        if file:
            await self._hashes.set(file, sha256)

    async def known_hash(self, file: ModelFile) -> str | None:
        """Return the hash if it is known without reading the file."""
        return self._hashes.get(file)

    async def known_hashes(self, files: Iterable[ModelFile]) -> dict[ModelFile, str]:
        """Return the hashes that are known without reading."""
        return self._hashes.of(files)

    async def known_content(self, sha256: str) -> ModelFile | None:
        """Return a file that is known to have this content, without reading files."""
        for path in map(Path, self._hashes.paths_of(sha256)):
            file = await asyncio.to_thread(look_at, path, path.parent.name, self.models)
            if file and self._hashes.get(file) == sha256:
                return file
        return None

    async def find_content(
        self, sha256: str, size: int | None, among: Iterable[ModelFile] | None = None
    ) -> ModelFile | None:
        """Return a file with this content under any name. Hash files of that size if necessary."""
        noted = set(self._hashes.paths_of(sha256))
        if size is None and not noted:
            return None
        files = await self.files() if among is None else among
        alike = [file for file in files if file.bytes == size or str(file.path) in noted]
        for indexed in sorted(alike, key=lambda file: str(file.path) not in noted):
            file = await asyncio.to_thread(look_at, indexed.path, indexed.folder, self.models)
            with contextlib.suppress(OSError):  # it has vanished, or cannot be read
                if file and await self.hash(file) == sha256:
                    return file
        return None

    async def hash(self, file: ModelFile) -> str:
        """Return the hash; read the file when it has to be.

        Reading goes on when the caller is cancelled, and the next caller joins it.
        """
        return self._hashes.get(file) or await self._hashing.run(file, partial(self._read_hash, file))

    async def read_again(self, file: ModelFile) -> str:
        """Return the hash of the content as it is now, whatever hash is on record."""
        return await self._hashing.run(file, partial(self._read_hash, file))

    def read_of(self, file: ModelFile) -> int:
        """Return how many bytes of a file that is being hashed were read so far."""
        return self._read.get(file, 0)

    async def close(self) -> None:
        """Stop hashing and save. A thread that is reading a file ends when it has read that file."""
        await self._hashing.close()
        await self._hashes.save()
        await self._index.save()

    def disk(self) -> Disk:
        return disk_of(self.models)

    async def disk_now(self) -> Disk:
        """Return the disk space, at most two seconds old."""
        if self._disk is None or time.monotonic() > self._disk_until:
            self._disk = await self._disks.run(None, partial(asyncio.to_thread, self.disk))
            self._disk_until = time.monotonic() + DISK_SECONDS
        return self._disk

    async def overview(self) -> StorageView:
        return StorageView(
            disk=await self.disk_now(), folders=await self._index.usage(), trash=await self._trash.usage()
        )

    def trash_root(self) -> TrashRoot:
        """Return how models are moved to the trash and back."""

        async def changed(paths: Collection[Path]) -> None:
            await self.noticed(*paths)

        return TrashRoot(
            folder=self.models,
            find=lambda path: deletion.find_deletable(self.models, path).path,
            changed=changed,
        )

    async def _read_hash(self, file: ModelFile) -> str:
        try:
            sha256 = await asyncio.to_thread(sha256_of, file.path, partial(self._read.__setitem__, file))
        finally:
            self._read.pop(file, None)
        # Do not store the hash of a file that changed meanwhile.
        now = await asyncio.to_thread(look_at, file.path, file.folder, self.models)
        if now and now.state == file.state:
            await self._hashes.set(file, sha256)
        return sha256


def _any_exists(directories: Iterable[Path]) -> bool:
    return any(directory.is_dir() for directory in directories)
