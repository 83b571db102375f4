"""Disk space of a file system."""

import shutil
from pathlib import Path

from pydantic import BaseModel


class Disk(BaseModel, frozen=True):
    """A file system, in bytes."""

    total: int
    used: int
    free: int


def disk_of(path: Path) -> Disk:
    """Return the disk space of the file system that holds `path`, or will hold it once it exists."""
    while not path.exists():
        path = path.parent
    usage = shutil.disk_usage(path)
    return Disk(total=usage.total, used=usage.used, free=usage.free)
