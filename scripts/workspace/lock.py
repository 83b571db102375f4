"""One pod at a time prepares a volume.

A folder is the lock: making one is atomic also on network file systems where flock succeeds for everybody.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WAIT_SECONDS = 60.0
# Preparing takes seconds. A lock as old as this was left behind by a pod that was killed.
STALE_SECONDS = 120.0
LOOK_SECONDS = 0.1


class LockedElsewhere(Exception):
    """Another pod has been preparing the same volume for too long."""


@contextmanager
def volume_lock(folder: Path, wait: float = WAIT_SECONDS) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _take(folder, time.monotonic() + wait)
    try:
        yield
    finally:
        _free(folder)


def _take(folder: Path, deadline: float) -> None:
    while True:
        try:
            folder.mkdir()
        except FileExistsError:
            if _is_stale(folder):
                _free(folder)
            elif time.monotonic() > deadline:
                raise LockedElsewhere(_holder(folder)) from None
            else:
                time.sleep(LOOK_SECONDS)
        else:
            (folder / "holder").write_text(f"{socket.gethostname()} {os.getpid()}")
            return


def _is_stale(folder: Path) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - folder.stat().st_mtime > STALE_SECONDS
    return False


def _holder(folder: Path) -> str:
    with suppress(OSError):
        return (folder / "holder").read_text()
    return "unknown"


def _free(folder: Path) -> None:
    with suppress(FileNotFoundError):
        (folder / "holder").unlink()
    with suppress(FileNotFoundError):
        folder.rmdir()
