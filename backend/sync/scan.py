"""Finds the files to synchronise. Blocks for disk accesses."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from backend.sync.models import Folder, LocalFile

# Suffixes of files that are still being written.
UNFINISHED = (".part", ".tmp", ".partial")


def local_files(folders: Iterable[Folder]) -> list[LocalFile]:
    """Return the files of `folders` and below, without hidden and unfinished ones and without links."""
    return [file for folder in folders for file in _files_in(folder.path, folder.name)]


def _files_in(folder: Path, name: str) -> Iterator[LocalFile]:
    try:
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:  # does not exist yet, or was removed meanwhile
        return
    for entry in found:
        if entry.name.startswith(".") or entry.name.endswith(UNFINISHED):
            continue
        path = f"{name}/{entry.name}"
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_in(Path(entry.path), path)
            elif entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                yield LocalFile(path=path, size=status.st_size, mtime_ns=status.st_mtime_ns)
        except OSError:
            continue


def is_transferable(path: str) -> bool:
    """Return whether a list of file names can contain the path: valid UTF-8 without line breaks."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return not any(character in path for character in "\r\n")
