"""Finds job files, and tells complete ones from those that are still being written."""

import math
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.jobs.folder.names import MEDIA_TYPES, SUFFIXES
from backend.jobs.folder.places import NOTE

# A file that has not changed for this long is complete.
SETTLE_SECONDS = 2.0
# A file that was refused is tried again: the model or the template that it lacked may be there now.
RETRY_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """A job file as it was seen."""

    path: Path
    media_type: str
    bytes: int
    modified_ns: int


def find_files(processing: Path) -> list[Found]:
    """Return every job file below the folders of the media types, by name. Delete notes whose file is gone."""
    return sorted(
        (file for media_type in MEDIA_TYPES for file in _files_of(processing / media_type, media_type)),
        key=lambda file: file.path.name,
    )


def _files_of(folder: Path, media_type: str) -> Iterator[Found]:
    notes, names = [], set()
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            names.add(entry.name)
            if entry.name.endswith(NOTE):
                notes.append(entry.name)
            elif entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith("."):
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        yield _found(entry, media_type)
    for note in notes:
        if note.removesuffix(NOTE) not in names:
            (folder / note).unlink(missing_ok=True)


def _found(entry: os.DirEntry[str], media_type: str) -> Found:
    stat = entry.stat(follow_symlinks=False)
    return Found(
        path=Path(entry.path), media_type=media_type, bytes=stat.st_size, modified_ns=stat.st_mtime_ns
    )


@dataclass(slots=True)
class _Seen:
    file: Found
    since: float
    done: bool = False
    retry_at: float | None = None


class Intray:
    """What is known about the files from scan to scan."""

    def __init__(self) -> None:
        self._seen: dict[Path, _Seen] = {}

    def ready(self, files: list[Found]) -> list[Found]:
        """Return the complete files that have not been dealt with."""
        now = time.monotonic()
        before, self._seen = self._seen, {}
        for file in files:
            seen = before.get(file.path)
            self._seen[file.path] = seen if seen and seen.file == file else _Seen(file, now)
        return [seen.file for seen in self._seen.values() if self._is_ready(seen, now)]

    def _is_ready(self, seen: _Seen, now: float) -> bool:
        if seen.done:
            return seen.retry_at is not None and now >= seen.retry_at
        return now - seen.since >= SETTLE_SECONDS

    @property
    def is_settling(self) -> bool:
        """Return whether a file may be complete soon."""
        return any(not seen.done for seen in self._seen.values())

    @property
    def seconds_until_retry(self) -> float:
        """Return when a refused file is looked at again; infinite where there is none."""
        retries = [seen.retry_at for seen in self._seen.values() if seen.retry_at is not None]
        return max(0.0, min(retries) - time.monotonic()) if retries else math.inf

    def done(self, file: Found) -> None:
        """Leave the file alone until it changes."""
        self._set(file, None)

    def refused(self, file: Found, seconds: float | None = None) -> None:
        """Look at the file again when it changes, and after a while."""
        self._set(file, time.monotonic() + (RETRY_SECONDS if seconds is None else seconds))

    def forget(self, path: Path) -> None:
        """Look at the file again at the next scan."""
        self._seen.pop(path, None)

    def _set(self, file: Found, retry_at: float | None) -> None:
        seen = self._seen.get(file.path)
        if seen:
            seen.done, seen.retry_at = True, retry_at
