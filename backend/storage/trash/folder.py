"""The trash on disk. Blocks for disk accesses.

    MOVE/record.json   the files of one move, and their original paths
    MOVE/0, MOVE/1     the files, by their numbers in the record

A file is moved by one rename after its record is on disk, so a killed process loses nothing: the file is either at its original
path or in the trash. After a restore, a record may have no files.
"""

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from backend.core.errors import AppError, Conflict, NotFound, Unavailable
from backend.core.files import open_directory, rename_without_clobbering, sync_folder, write_atomically
from backend.storage.trash.models import Moved, Refusal, TrashItem, TrashKind

RECORD = "record.json"
MOVE_ID = re.compile(r"[0-9a-f]{18}")
ITEM_ID = re.compile(r"[0-9a-f]{18}-[0-9]{1,6}")
# An empty move is deleted only after this time: another pod may be about to fill it.
EMPTY_SECONDS = 3600.0


class TrashFolder:
    def __init__(self, folder: Path):
        self._folder = folder

    def items(self) -> list[TrashItem]:
        """Return every file, the newest first."""
        try:
            names = sorted((entry.name for entry in os.scandir(self._folder)), reverse=True)
        except OSError:  # nothing was ever moved, or the volume is not mounted
            return []
        return [item for name in names if MOVE_ID.fullmatch(name) for item in self._items_of(name)]

    def move(self, kind: TrashKind, root: Path, files: Sequence[tuple[str, Path]]) -> Moved:
        """Move files, given with their paths below `root`. A file that cannot be moved stays where it is."""
        # The time makes names sort by age.
        move_id = f"{time.time_ns() // 10**6:012x}{secrets.token_hex(3)}"
        move = self._folder / move_id
        record = {"kind": kind, "at": datetime.now(UTC).isoformat(), "paths": [path for path, _ in files]}
        try:
            move.mkdir(parents=True)
            write_atomically(move / RECORD, json.dumps(record).encode())
        except OSError as error:
            raise Unavailable(
                f"The trash on the volume cannot be written: {error.strerror}. "
                "Check whether the volume is full or read-only, or delete for good."
            ) from error
        refused = []
        for number, (path, file) in enumerate(files):
            if message := _refusal_of(lambda: _rename(file, root, move / str(number))):  # noqa: B023 - called at once
                refused.append(Refusal(path, message))
        sync_folder(move)
        moved = tuple(self._items_of(move_id))
        if not moved:
            shutil.rmtree(move, ignore_errors=True)
        return Moved(items=moved, refused=tuple(refused))

    def restore(self, item: TrashItem, root: Path) -> Path:
        """Restore a file to its original path. Raise Conflict when the path is taken, or outside of `root`."""
        parts = PurePosixPath(item.path).parts
        target = root.joinpath(*parts)
        if ".." in parts or item.path.startswith("/") or not _is_inside(str(target.parent), root):
            raise Conflict(f"{item.path} would be restored outside its folder.", code="elsewhere")
        source = self._path(item)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _put_back(source, target)
        except FileExistsError:
            raise Conflict(
                f"{item.path} exists again. Rename or delete that file, then restore this one.", code="exists"
            ) from None
        except FileNotFoundError:
            raise NotFound(f"{item.path} is no longer in the trash.") from None
        except OSError as error:
            raise Conflict(f"{item.path} cannot be restored: {error.strerror}.") from error
        return target

    def delete(self, items: Iterable[TrashItem]) -> list[TrashItem]:
        """Delete files permanently; return those that were deleted."""
        deleted = []
        for item in items:
            with contextlib.suppress(OSError):
                self._path(item).unlink()
                deleted.append(item)
        return deleted

    def tidy(self) -> None:
        """Delete the records of moves whose files are all gone."""
        with contextlib.suppress(OSError):
            for move in list(self._folder.iterdir()):
                if MOVE_ID.fullmatch(move.name) and _is_old(move) and not any(_files_in(move)):
                    shutil.rmtree(move, ignore_errors=True)

    def _path(self, item: TrashItem) -> Path:
        move_id, _, number = item.id.partition("-")
        return self._folder / move_id / number

    def _items_of(self, move_id: str) -> Iterator[TrashItem]:
        move = self._folder / move_id
        record = _read_record(move / RECORD)
        if record is None:
            return
        kind, at, paths = record
        for number, path in enumerate(paths):
            with contextlib.suppress(OSError):
                status = os.lstat(move / str(number))
                yield TrashItem(
                    id=f"{move_id}-{number}",
                    kind=kind,
                    path=path,
                    bytes=status.st_size,
                    freed=0 if status.st_nlink > 1 else status.st_size,
                    trashed_at=at,
                )


def _rename(file: Path, root: Path, target: Path) -> None:
    with open_directory(str(file.parent)) as directory:
        # The path may change after its check; the open directory stays the one that was checked.
        if not _is_inside(f"/proc/self/fd/{directory}", root):
            raise Conflict("It is outside the workspace.", code="elsewhere")
        os.rename(file.name, target, src_dir_fd=directory)
        os.fsync(directory)


def _is_inside(folder: str, root: Path) -> bool:
    """Return whether a folder is `root` or below it, after resolving links."""
    return f"{os.path.realpath(folder)}/".startswith(f"{os.path.realpath(root)}/")


def _refusal_of(move: Any) -> str:
    """Call `move`, and return why it failed; an empty text when it succeeded."""
    try:
        move()
    except AppError as error:
        return error.message
    except OSError as error:
        if error.errno == errno.EXDEV:
            return "It is on another disk than the trash. Delete it for good."
        return f"It cannot be moved: {error.strerror}."
    return ""


def _put_back(source: Path, target: Path) -> None:
    if source.is_symlink():  # a hard link would follow the symbolic link
        if os.path.lexists(target):
            raise FileExistsError(target)
        source.rename(target)
        return
    try:
        rename_without_clobbering(source, target)
    except FileExistsError:
        if not source.exists() or not source.samefile(target):
            raise
        source.unlink()  # a process was killed after it linked the file and before it removed this name


def _read_record(path: Path) -> tuple[TrashKind, datetime, list[str]] | None:
    try:
        record = json.loads(path.read_bytes())
        at = datetime.fromisoformat(record["at"])
        paths = [str(entry) for entry in record["paths"]]
        return TrashKind(record["kind"]), at if at.tzinfo else at.replace(tzinfo=UTC), paths
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _files_in(move: Path) -> Iterator[str]:
    """Yield the files beside the record. A file with an unreadable record stays for the user to decide."""
    yield from (entry.name for entry in os.scandir(move) if entry.name.isdecimal())


def _is_old(move: Path) -> bool:
    return time.time() - move.stat().st_mtime > EMPTY_SECONDS
