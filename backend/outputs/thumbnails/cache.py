"""Rendered thumbnails on the volume, so that they outlive the pod. Blocks for disk accesses."""

import contextlib
import os
from pathlib import Path

from backend.core.files import write_atomically

MAX_BYTES = 500_000_000
# When the cache is too large, old files are deleted until it has this share of its limit.
SHRINK_TO = 0.8
# The size is measured when the first thumbnail is written, and then after every so many.
WRITES_BETWEEN_CHECKS = 500


class ThumbnailCache:
    """Files named by keys, in 256 folders. An empty file says that rendering failed."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES):
        self._folder = folder
        self._max_bytes = max_bytes
        self._writes = 0

    def read(self, key: str) -> bytes | None:
        """Return None for an unknown key."""
        try:
            return self._path(key).read_bytes()
        except OSError:
            return None

    def write(self, key: str, content: bytes) -> None:
        """Save a thumbnail, if the volume allows it."""
        path = self._path(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
            if self._writes % WRITES_BETWEEN_CHECKS == 0:
                self._shrink()
            self._writes += 1

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.webp"

    def _shrink(self) -> None:
        """Delete the oldest files when there are too many bytes."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        if total <= self._max_bytes:
            return
        for _, size, path in files:
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - thousands
            total -= size
            if total <= self._max_bytes * SHRINK_TO:
                return

    def _files(self) -> list[tuple[float, int, str]]:
        """Return (time, bytes, path), including drafts of killed writers."""
        found = []
        for folder in self._folder.iterdir():
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    status = entry.stat()
                    # An empty file takes space as well.
                    found.append((status.st_mtime, max(status.st_size, 512), entry.path))
        return found
