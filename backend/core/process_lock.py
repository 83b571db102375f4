"""A file lock for one process at a time. The kernel releases it when the process ends for any reason."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


class AlreadyRunning(Exception):
    """Another process holds the lock; the message names it."""


@contextlib.contextmanager
def process_lock(path: Path, holder: str) -> Iterator[None]:
    """Lock `path` for the duration of the block, or raise `AlreadyRunning`. `holder` describes this process in that error."""
    with contextlib.ExitStack() as stack:
        # Start without a lock when the file system is read-only or full, or has no locks.
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("ab+", buffering=0))
            _lock(file)
            file.truncate(0)
            file.write(holder.encode())
        yield


def _lock(file: BinaryIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise AlreadyRunning(file.read().decode() or "another process") from None
