"""Looks at the disk, which is the truth. Only hashes are remembered, each for one state of its file."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import aiofiles.os

from backend.core.disk import Disk, disk_of
from backend.core.errors import Conflict, NotFound
from backend.storage.content import give_another_name, give_second_name, sha256_of
from backend.storage.models import ModelFile, ModelView, StorageView
from backend.storage.roots import files_below, look_at, roots_of
from backend.storage.store import HashStore
from backend.storage.usage import usage_by_folder


class Storage:
    """The model folders of the workspace, and those that ComfyUI was given besides.

    `path_files` are its `extra_model_paths.yaml` files, which may come and go.
    """

    def __init__(self, models: Path, hashes: HashStore, path_files: tuple[Path, ...] = ()):
        self.models = models
        self._hashes = hashes
        self._path_files = path_files
        self._hashing: dict[ModelFile, asyncio.Task[str]] = {}
        self._read: dict[ModelFile, int] = {}

    def path_of(self, folder: str, filename: str) -> Path:
        return self.models / folder / filename

    def size_of(self, folder: str, filename: str) -> int | None:
        """Bytes of a file of the workspace, or None when it is not there."""
        try:
            return self.path_of(folder, filename).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    async def remove(self, folder: str, filename: str) -> None:
        try:
            await aiofiles.os.unlink(self.path_of(folder, filename))
        except FileNotFoundError:
            raise NotFound(f"{filename} is not in {folder}.", folder=folder, filename=filename) from None

    async def delete(self, path: str) -> ModelFile:
        """Delete the model at this path below the workspace's folder of models, and nothing else."""
        for file in await self.files():
            if file.path == self.models / path:
                if not await asyncio.to_thread(self._is_ours, file):
                    raise Conflict(
                        f"{path} lies outside the workspace: delete it where it lies.", code="elsewhere"
                    )
                await self.remove(*path.rsplit("/", 1))
                return file
        raise NotFound(f"There is no model at {path}.", path=path)

    async def views(self, users: Mapping[str, list[str]]) -> list[ModelView]:
        """Every model file. `users`: the ids of the presets that need what is at a place."""
        files = await self.files()
        hashes = await self.known_hashes(files)
        return await asyncio.to_thread(
            lambda: [self._view(file, hashes.get(file), users.get(file.place, [])) for file in files]
        )

    async def files(self) -> list[ModelFile]:
        """Every model file that ComfyUI can choose."""
        return await asyncio.to_thread(self._files)

    async def known_hash(self, file: ModelFile) -> str | None:
        """The hash, if it is known without reading the file."""
        return await self._hashes.get(file)

    async def known_hashes(self, files: Iterable[ModelFile]) -> dict[ModelFile, str]:
        """Those that are known without reading."""
        return await self._hashes.of(files)

    async def put_aside(self, file: ModelFile) -> Path:
        """Give a model of the workspace another name, under which ComfyUI still offers it. Its new path."""
        if not await asyncio.to_thread(self._is_ours, file):
            raise Conflict(
                f"{file.path} lies outside the workspace: move it where it lies.", code="elsewhere"
            )
        return await asyncio.to_thread(give_another_name, file.path)

    async def hash(self, file: ModelFile) -> str:
        """The hash; reads the file when it has to.

        Who gives up waiting loses nothing: the reading goes on, and who asks next joins it.
        """
        task = self._hashing.get(file)
        if task is None:
            task = self._hashing[file] = asyncio.create_task(self._read_hash(file))
            task.add_done_callback(lambda _: self._hashing.pop(file, None))
        return await asyncio.shield(task)

    def read_of(self, file: ModelFile) -> int:
        """How many bytes of a file were read so far, while it is hashed."""
        return self._read.get(file, 0)

    async def close(self) -> None:
        """Stop waiting for hashes; a thread that reads a file ends with that file."""
        tasks = list(self._hashing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def remember(self, folder: str, filename: str, sha256: str) -> None:
        """Note the hash of a file of the workspace that somebody has just computed."""
        file = await asyncio.to_thread(look_at, self.path_of(folder, filename), folder)
        if file:
            await self._hashes.set(file, sha256)

    async def known_content(self, sha256: str) -> ModelFile | None:
        """A file that is known to have this content; reads and searches nothing."""
        for path in map(Path, await self._hashes.paths_of(sha256)):
            file = await asyncio.to_thread(look_at, path, path.parent.name)
            if file and await self._hashes.get(file) == sha256:
                return file
        return None

    async def find_content(
        self, sha256: str, size: int | None, among: Iterable[ModelFile] | None = None
    ) -> ModelFile | None:
        """A file with this content, whatever its name. Files of exactly that size are read to find out."""
        noted = set(await self._hashes.paths_of(sha256))
        if size is None and not noted:
            return None
        files = await self.files() if among is None else among
        alike = [file for file in files if str(file.path) in noted or file.bytes == size]
        for file in sorted(alike, key=lambda file: str(file.path) not in noted):
            with contextlib.suppress(OSError):  # it has vanished, or cannot be read
                if await self.hash(file) == sha256:
                    return file
        return None

    async def link(self, file: ModelFile, folder: str, filename: str) -> bool:
        """Let the content be found under another name too. False where the file systems cannot share it."""
        sha256 = await self._hashes.get(file)
        linked = await asyncio.to_thread(give_second_name, file.path, self.path_of(folder, filename))
        if linked and sha256:
            await self.remember(folder, filename, sha256)
        return linked

    def disk(self) -> Disk:
        return disk_of(self.models)

    async def overview(self) -> StorageView:
        folders = await asyncio.to_thread(lambda: list(usage_by_folder(self.models)))
        return StorageView(disk=self.disk(), folders=folders)

    async def _read_hash(self, file: ModelFile) -> str:
        sha256 = await self._hashes.get(file)
        if sha256 is None:
            try:
                sha256 = await asyncio.to_thread(sha256_of, file.path, partial(self._read.__setitem__, file))
            finally:
                self._read.pop(file, None)
            await self._hashes.set(file, sha256)
        return sha256

    def _files(self) -> list[ModelFile]:
        return list(files_below(roots_of(self.models, self._path_files)))

    def _view(self, file: ModelFile, sha256: str | None, presets: list[str]) -> ModelView:
        deletable = self._is_ours(file)
        return ModelView(
            path=file.path.relative_to(self.models).as_posix() if deletable else str(file.path),
            folder=file.folder,
            filename=file.filename,
            bytes=file.bytes,
            modified_at=datetime.fromtimestamp(file.mtime_ns / 1e9, UTC),
            sha256=sha256,
            presets=presets,
            deletable=deletable,
        )

    def _is_ours(self, file: ModelFile) -> bool:
        """In the workspace's folder of models, and not only by way of a link that leads out of it."""
        return file.path.is_relative_to(self.models) and file.path.resolve().is_relative_to(
            self.models.resolve()
        )
