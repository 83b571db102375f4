"""Finds job files, and distinguishes complete ones from those that are still being written."""

import math
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.jobs.folder.layout import NOTE
from backend.jobs.folder.names import MEDIA_TYPES, SUFFIXES

# A file that has not changed for this long is complete.
SETTLE_SECONDS = 2.0
# A file that was refused is tried again: a missing model or template may exist by then.
RETRY_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class ScannedFile:
    """A job file as a scan found it."""

    path: Path
    media_type: str
    bytes: int
    modified_ns: int


def find_files(processing: Path) -> list[ScannedFile]:
    """Return every job file below the folders of the media types, by name. Delete notes whose file is gone."""
    return sorted(
        (file for media_type in MEDIA_TYPES for file in _files_of(processing / media_type, media_type)),
        key=lambda file: file.path.name,
    )


def _files_of(folder: Path, media_type: str) -> Iterator[ScannedFile]:
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


def _found(entry: os.DirEntry[str], media_type: str) -> ScannedFile:
    stat = entry.stat(follow_symlinks=False)
    return ScannedFile(
        path=Path(entry.path), media_type=media_type, bytes=stat.st_size, modified_ns=stat.st_mtime_ns
    )


@dataclass(slots=True)
class _TrackedFile:
    file: ScannedFile
    since: float
    done: bool = False
    retry_at: float | None = None


class FileTracker:
    """Remembers from scan to scan which files are complete, done or refused."""

    def __init__(self) -> None:
        self._seen: dict[Path, _TrackedFile] = {}

    def ready(self, files: list[ScannedFile]) -> list[ScannedFile]:
        """Return the complete files that are neither done nor refused."""
        now = time.monotonic()
        before, self._seen = self._seen, {}
        for file in files:
            seen = before.get(file.path)
            self._seen[file.path] = seen if seen and seen.file == file else _TrackedFile(file, now)
        return [seen.file for seen in self._seen.values() if self._is_ready(seen, now)]

    def _is_ready(self, seen: _TrackedFile, now: float) -> bool:
        if seen.done:
            return seen.retry_at is not None and now >= seen.retry_at
        return now - seen.since >= SETTLE_SECONDS

    @property
    def is_settling(self) -> bool:
        """Return whether a file may be complete soon."""
        return any(not seen.done for seen in self._seen.values())

    @property
    def seconds_until_retry(self) -> float:
        """Return the seconds until a refused file is tried again; infinite where there is none."""
        retries = [seen.retry_at for seen in self._seen.values() if seen.retry_at is not None]
        return max(0.0, min(retries) - time.monotonic()) if retries else math.inf

    def mark_done(self, file: ScannedFile) -> None:
        """Ignore the file until it changes."""
        self._set(file, None)

    def mark_refused(self, file: ScannedFile, seconds: float | None = None) -> None:
        """Try the file again when it changes, and after `seconds`."""
        self._set(file, time.monotonic() + (RETRY_SECONDS if seconds is None else seconds))

    def forget(self, path: Path) -> None:
        """Treat the file as new at the next scan."""
        self._seen.pop(path, None)

    def _set(self, file: ScannedFile, retry_at: float | None) -> None:
        seen = self._seen.get(file.path)
        if seen:
            seen.done, seen.retry_at = True, retry_at
