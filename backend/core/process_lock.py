"""A file that one process at a time holds. The kernel frees it when the process dies, however that happens."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


class AlreadyRunning(Exception):
    """Another process holds the file; the message says which."""


@contextlib.contextmanager
def held(path: Path, holder: str) -> Iterator[None]:
    """Hold `path` as long as the block lasts, or raise `AlreadyRunning`. `holder` is what others are told then."""
    with contextlib.ExitStack() as stack:
        # Read-only, full, or a file system without locks: better without one than not at all.
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
