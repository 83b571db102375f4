"""Scan model folders, and read as little as possible: unchanged directories are taken from the last scan."""

import os
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from backend.storage.models import UNFINISHED, ModelFile, can_be_model
from backend.storage.roots import Root

NO_LINKS: frozenset[str] = frozenset()
# A directory's modification time shows a change only if the file system's clock has ticked since the scan.
CLOCK_STEP_NS = 20_000_000
# A file that changed this recently may still be growing, which does not change its directory's time.
FRESH_NS = 120 * 10**9


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory and the regular files in it."""

    path: str
    # ComfyUI's name: `loras/style`.
    folder: str
    # Reached through a symbolic link below its root.
    linked: bool
    # Its real path is below the workspace's model folder.
    in_workspace: bool
    mtime_ns: int
    scanned_ns: int
    files: tuple[ModelFile, ...]
    subdirectories: tuple[str, ...]
    # The subdirectories that are symbolic links.
    links: frozenset[str]

    def may_have_changed(self, mtime_ns: int) -> bool:
        """Return True if names in it may have changed. `mtime_ns` is the directory's current modification time."""
        return mtime_ns != self.mtime_ns or abs(self.scanned_ns - self.mtime_ns) < CLOCK_STEP_NS

    def has_fresh_files(self) -> bool:
        return any(_is_fresh(file, self.scanned_ns) for file in self.files)


Directories = dict[str, Directory]


class Scanner:
    """One scan of all roots. Blocks for disk accesses."""

    def __init__(
        self, models: Path, known: Mapping[str, Directory], *, full: bool = False, recheck: bool = False
    ):
        """`full` reads everything again; `recheck` also reads directories with files that may still be growing."""
        self._models = os.path.realpath(models)
        self._known = known
        self._full = full
        self._recheck = recheck
        self._seen: set[tuple[int, int]] = set()
        self._links: list[tuple[str, str]] = []
        self.directories: Directories = {}

    def scan(self, roots: list[Root]) -> Directories:
        """Return every directory once. Those reached only through links come last."""
        for kind, root in roots:
            self._walk(str(root), kind, linked=False)
        while self._links:
            path, folder = self._links.pop(0)
            self._walk(path, folder, linked=True)
        return self.directories

    def _walk(self, root: str, kind: str, *, linked: bool) -> None:
        in_workspace = is_below(root, self._models)
        waiting = [(root, kind)]
        while waiting:
            path, folder = waiting.pop()
            directory = self._visit(path, folder, linked=linked, in_workspace=in_workspace)
            for name in directory.subdirectories if directory else ():
                below = (f"{path}/{name}", f"{folder}/{name}")
                (self._links if directory and name in directory.links else waiting).append(below)

    def _visit(self, path: str, folder: str, *, linked: bool, in_workspace: bool) -> Directory | None:
        """Return None if it is not a directory, cannot be read, or was visited under another path."""
        try:
            status = os.stat(path)  # noqa: PTH116 - thousands of Path objects would take longer than the calls
            identity = (status.st_dev, status.st_ino)
            if not stat.S_ISDIR(status.st_mode) or identity in self._seen:
                return None
            self._seen.add(identity)
            now = Directory(
                path, folder, linked, in_workspace, status.st_mtime_ns, time.time_ns(), (), (), NO_LINKS
            )
            directory = self._unchanged(now) or self._read(now)
        except OSError:
            return None
        self.directories[path] = directory
        return directory

    def _unchanged(self, now: Directory) -> Directory | None:
        known = self._known.get(now.path)
        if known is None or self._full or known.may_have_changed(now.mtime_ns):
            return None
        if (known.folder, known.linked, known.in_workspace) != (now.folder, now.linked, now.in_workspace):
            return None
        return None if self._recheck and known.has_fresh_files() else known

    def _read(self, now: Directory) -> Directory:
        known = self._known.get(now.path)
        earlier = {file.filename: file for file in known.files} if known and not self._full else {}
        files, subdirectories, links = [], [], []
        with os.scandir(now.path) as entries:
            for entry in entries:
                if _is_directory(entry):
                    subdirectories.append(entry.name)
                    if entry.is_symlink():
                        links.append(entry.name)
                elif file := self._file_of(entry, now, earlier.get(entry.name)):
                    files.append(file)
        return replace(
            now,
            files=tuple(files),
            subdirectories=tuple(sorted(subdirectories)),
            links=frozenset(links),
        )

    def _file_of(
        self, entry: os.DirEntry[str], now: Directory, earlier: ModelFile | None
    ) -> ModelFile | None:
        """Return the file; `earlier` when it cannot have changed."""
        if (
            earlier
            and earlier.inode == entry.inode()
            and (earlier.folder, earlier.in_workspace) == (now.folder, now.in_workspace)
            and not _is_fresh(earlier, now.scanned_ns)
        ):
            return earlier
        try:
            status = entry.stat()
        except OSError:  # vanished, or a broken link
            return None
        leads_out = entry.is_symlink() and not is_below(entry.path, self._models)
        return _file(entry.name, now, status, in_workspace=now.in_workspace and not leads_out)


def read_files(models: Path, directory: Directory, names: Iterable[str]) -> dict[str, ModelFile | None]:
    """Return the current state of files in a directory; None for a name that is not a regular file."""
    real_models = os.path.realpath(models)
    return {name: _read_file(real_models, directory, name) for name in names}


def _read_file(models: str, directory: Directory, name: str) -> ModelFile | None:
    path = f"{directory.path}/{name}"
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):  # ValueError: a name with a null character
        return None
    return _file(name, directory, status, in_workspace=directory.in_workspace and is_below(path, models))


def look_at(path: Path, folder: str, models: Path) -> ModelFile | None:
    """Return the current state of the model file at `path`; None if it is missing, empty or not a model."""
    real_models = os.path.realpath(models)
    parent = str(path.parent)
    directory = Directory(parent, folder, False, is_below(parent, real_models), 0, 0, (), (), NO_LINKS)
    file = _read_file(real_models, directory, path.name)
    return file if file and file.is_model else None


def is_below(path: str, real_folder: str) -> bool:
    """Return True if the real path is inside the folder. `os.path.realpath` never raises, not even for a loop of links."""
    return os.path.realpath(path).startswith(f"{real_folder}/")


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def _file(name: str, directory: Directory, status: os.stat_result, *, in_workspace: bool) -> ModelFile | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return ModelFile(
        directory.path,
        name,
        directory.folder,
        status.st_size,
        status.st_mtime_ns,
        status.st_ino,
        status.st_nlink,
        is_model=status.st_size > 0 and can_be_model(directory.path, name),
        in_workspace=in_workspace,
    )


def _is_fresh(file: ModelFile, now_ns: int) -> bool:
    """Return True if the file may still change, as unfinished and empty files always may."""
    return abs(now_ns - file.mtime_ns) < FRESH_NS or not file.bytes or file.filename.endswith(UNFINISHED)


def changed_directories(old: Mapping[str, Directory], new: Mapping[str, Directory]) -> set[str]:
    """Return the paths of directories that were added, removed or have other files."""
    return (old.keys() - new.keys()) | {
        path
        for path, directory in new.items()
        if old.get(path) is not directory and _files_in(old.get(path)) != directory.files
    }


def models_differ(old: Directory | None, new: Directory | None) -> bool:
    return {file for file in _files_in(old) if file.is_model} != {
        file for file in _files_in(new) if file.is_model
    }


def _files_in(directory: Directory | None) -> tuple[ModelFile, ...]:
    return directory.files if directory else ()
