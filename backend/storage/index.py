"""An in-memory index of folders, from which all lists come: no request walks the volume.

Four mechanisms keep it up to date. The control plane's own operations call `refresh`. inotify reports changes by other
processes (`watch.py`). On fast disks, the index compares the modification times of directories before each list. A
background scan finds the rest, such as changes by other pods on a network volume.

The index may still be behind the disk, so code that deletes, moves or writes a file reads its state from disk first.
"""

import asyncio
import contextlib
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from backend.core.errors import CannotRecord
from backend.storage.models import FolderUsage, ModelFile, is_placeholder
from backend.storage.roots import Root
from backend.storage.scan import (
    Directories,
    Directory,
    Scanner,
    changed_directories,
    models_differ,
    read_files,
)
from backend.storage.store import DirectoryStore

# On a volume where `stat` takes longer than this, requests do not check directories.
FAST_SECONDS = 0.0003
# Checking directories takes at most 1/DUTY of the time.
DUTY = 20
# How long a request waits for the first scan of a volume.
FIRST_SCAN_SECONDS = 20.0
SAMPLES = 20


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The model files at one moment. It stays the same object until they change, and is compared by identity."""

    files: tuple[ModelFile, ...]

    @cached_property
    def by_place(self) -> dict[str, ModelFile]:
        """Return the files by ComfyUI's names. Of several files with one name, ComfyUI uses the first."""
        return {file.place: file for file in reversed(self.files)}

    @cached_property
    def total_bytes(self) -> int:
        return sum(file.bytes for file in self.files)


class FileIndex:
    """Every file below the roots.

    `folder` is the workspace's own folder. `find_roots` reads the roots; they may be others when one of `described_by`,
    such as an `extra_model_paths.yaml`, is another file.
    """

    def __init__(
        self,
        folder: Path,
        find_roots: Callable[[], list[Root]],
        store: DirectoryStore,
        described_by: tuple[Path, ...] = (),
    ):
        self._folder = folder
        self._find_roots = find_roots
        self._described_by = described_by
        self._store = store
        self._directories: Directories = {}
        self._saved: Directories = {}
        self._scanning = asyncio.Lock()
        self._refreshing = asyncio.Lock()
        # Paths refreshed during a scan, which may have read their earlier state.
        self._touched: set[str] = set()
        self._is_fast = False
        self._next_check = 0.0
        self._roots_seen: object = None
        self._snapshot: Snapshot | None = None
        self._usage: list[FolderUsage] | None = None
        self._unfinished: tuple[ModelFile, ...] | None = None
        # Set after the first scan.
        self.filled = asyncio.Event()
        # Grows with every change of a model file.
        self.revision = 0
        self.on_change: Callable[[], None] = _nothing
        self.roots: list[Root] = []
        self.scan_seconds = 0.0

    async def load(self) -> None:
        """Load the index that the last process saved."""
        self._directories = self._saved = await self._store.all()
        if self._directories:
            self._changed()

    async def save(self) -> None:
        """Save the index for the next process."""
        with contextlib.suppress(CannotRecord):
            await self._store.save(self._saved, self._directories)
            self._saved = self._directories

    async def snapshot(self) -> Snapshot:
        """Return the model files in ComfyUI's search order."""
        await self._catch_up()
        if self._snapshot is None:
            directories = self._directories.values()
            self._snapshot = Snapshot(
                tuple(file for directory in directories for file in directory.files if file.is_model)
            )
        return self._snapshot

    async def unfinished(self) -> tuple[ModelFile, ...]:
        """Return the files of interrupted downloads in the workspace, including quarantined ones."""
        await self._catch_up()
        if self._unfinished is None:
            self._unfinished = tuple(
                file
                for directory in self._directories.values()
                for file in directory.files
                if file.in_workspace and file.filename.endswith(".part") and not file.filename.startswith(".")
            )
        return self._unfinished

    async def usage(self) -> list[FolderUsage]:
        """Return the size of each folder of the workspace, unfinished files included."""
        await self._catch_up()
        if self._usage is None:
            self._usage = list(_usage_of(self._directories.values(), f"{self._folder}/"))
        return self._usage

    def has_directory(self, path: Path) -> bool:
        return str(path) in self._directories

    def has_file(self, path: str) -> bool:
        directory = self._directories.get(os.path.dirname(path))  # noqa: PTH120
        name = os.path.basename(path)  # noqa: PTH119
        return directory is not None and any(file.filename == name for file in directory.files)

    def folders(self) -> tuple[Path, ...]:
        """Return the folders that contain every root. Blocks for disk accesses."""
        outside = (root for _, root in self.roots if not root.is_relative_to(self._folder))
        return tuple(folder for folder in dict.fromkeys((self._folder, *outside)) if folder.is_dir())

    async def refresh(self, *paths: Path) -> None:
        """Read the current state of files that were created, changed or deleted."""
        by_directory: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            by_directory[str(path.parent)].append(path.name)
        self._touched.update(map(str, paths))
        async with self._refreshing:
            for directory, names in by_directory.items():
                await self._refresh_in(directory, names)

    async def scan(self, *, full: bool = False, recheck: bool = False) -> None:
        """Read changes from disk. See `Scanner` for the options."""
        async with self._scanning:
            await self._scan(full=full, recheck=recheck)

    async def _scan(self, *, full: bool = False, recheck: bool = False) -> None:
        self._touched.clear()
        before = self._directories
        found, models_changed = await asyncio.to_thread(self._read, before, full=full, recheck=recheck)
        self._replace(found, models_changed=models_changed or self._directories is not before)
        self.filled.set()
        await self.refresh(*map(Path, self._touched.copy()))

    def _read(self, known: Directories, *, full: bool, recheck: bool) -> tuple[Directories, bool]:
        started = time.monotonic()
        seen = self._times_of_roots()
        self.roots = self._find_roots()
        found = Scanner(self._folder, known, full=full, recheck=recheck).scan(self.roots)
        self._roots_seen = seen
        self.scan_seconds = time.monotonic() - started
        self._is_fast = _seconds_per_stat([*found, str(self._folder)]) < FAST_SECONDS
        changed = changed_directories(known, found)
        return found, any(models_differ(known.get(path), found.get(path)) for path in changed)

    async def _catch_up(self) -> None:
        if not self.filled.is_set():
            if not self._directories:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.filled.wait(), FIRST_SCAN_SECONDS)
            return
        if self._is_behind():
            async with self._scanning:
                if self._is_behind():
                    await self._scan()

    def _is_behind(self) -> bool:
        """Compare the modification times of directories with the disk, for at most 1/DUTY of the time."""
        if not self._is_fast or time.monotonic() < self._next_check:
            return False
        started = time.thread_time()
        is_behind = self._roots_seen != self._times_of_roots() or any(
            map(_may_have_changed, self._directories.values())
        )
        if not is_behind:
            self._next_check = time.monotonic() + DUTY * (time.thread_time() - started)
        return is_behind

    def _times_of_roots(self) -> object:
        return [_mtime_of(str(path)) for path in (self._folder, *self._described_by)]

    async def _refresh_in(self, path: str, names: Iterable[str]) -> None:
        directory = self._directories.get(path)
        if directory is None:
            return  # the scan finds new directories
        current = await asyncio.to_thread(read_files, self._folder, directory, tuple(names))
        if self._directories.get(path) is not directory:  # a scan read it meanwhile
            await self._refresh_in(path, names)
            return
        before = {file.filename: file for file in directory.files}
        changed = [file for name, file in current.items() if file != before.get(name)]
        changed += [before.get(name) for name, file in current.items() if file != before.get(name)]
        if changed:
            files = tuple(file for file in {**before, **current}.values() if file)
            models_changed = any(file.is_model for file in changed if file)
            self._replace(
                {**self._directories, path: replace(directory, files=files)}, models_changed=models_changed
            )

    def _replace(self, directories: Directories, *, models_changed: bool) -> None:
        self._directories = directories
        self._usage = None
        self._unfinished = None
        if models_changed:
            self._changed()

    def _changed(self) -> None:
        self.revision += 1
        self._snapshot = None
        self.on_change()


def _nothing() -> None:
    """Do nothing; the default of `on_change`."""


def _mtime_of(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - called for every directory, many times a second
    except (OSError, ValueError):
        return None


def _may_have_changed(directory: Directory) -> bool:
    mtime_ns = _mtime_of(directory.path)
    return mtime_ns is None or directory.may_have_changed(mtime_ns)


def _seconds_per_stat(paths: list[str]) -> float:
    """Return the median time of one `stat`, which load on the machine hardly affects."""
    seconds = []
    for path in paths[-SAMPLES:]:
        started = time.perf_counter()
        _mtime_of(path)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _usage_of(directories: Iterable[Directory], models: str) -> Iterable[FolderUsage]:
    sizes: dict[str, list[int]] = defaultdict(list)
    for directory in directories:
        if directory.path.startswith(models) and not directory.linked:
            folder = directory.path.removeprefix(models).partition("/")[0]
            sizes[folder] += [
                file.bytes for file in directory.files if file.bytes and not is_placeholder(file.filename)
            ]
    for folder, counted in sorted(sizes.items()):
        if counted:
            yield FolderUsage(name=folder, files=len(counted), bytes=sum(counted))
