"""Disk space of a file system."""

import shutil
from pathlib import Path

from pydantic import BaseModel


class Disk(BaseModel, frozen=True):
    """A file system, in bytes."""

    total: int
    used: int
    free: int


# The share of a disk, and the bytes, below which space is low.
LOW_SHARE = 0.07
LOW_BYTES = 10 * 10**9


def is_low(disk: Disk) -> bool:
    """Return whether so little space is free that a user should know."""
    return disk.free < LOW_BYTES or disk.free < LOW_SHARE * (disk.used + disk.free)


def disk_of(path: Path) -> Disk:
    """Return the disk space of the file system that holds `path`, or will hold it once it exists."""
    while not path.exists():
        path = path.parent
    usage = shutil.disk_usage(path)
    return Disk(total=usage.total, used=usage.used, free=usage.free)
