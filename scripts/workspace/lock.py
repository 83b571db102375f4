"""One pod at a time prepares a volume.

A folder is the lock: making one is atomic also on network file systems where flock succeeds for everybody.
Who holds it touches it every few seconds; a waiter that sees its time stand still takes it over. Only the waiter's
own clock counts, because the clocks of pods and of file servers disagree.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WAIT_SECONDS = 60.0
BEAT_SECONDS = 2.0
STALE_SECONDS = 15.0
LOOK_SECONDS = 0.1


class LockedElsewhere(Exception):
    """Another pod has been preparing the same volume for too long."""


@contextmanager
def volume_lock(folder: Path, wait: float = WAIT_SECONDS) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _take(folder, time.monotonic() + wait)
    done = threading.Event()
    heart = threading.Thread(target=_beat, args=(folder, done), daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()
        _free(folder)


def _take(folder: Path, deadline: float) -> None:
    beat, since = _last_beat(folder), time.monotonic()
    while not _made(folder):
        now = time.monotonic()
        if _last_beat(folder) != beat:
            beat, since = _last_beat(folder), now
        if now - since > STALE_SECONDS:
            _free(folder)
        elif now > deadline:
            raise LockedElsewhere(_holder(folder))
        else:
            time.sleep(LOOK_SECONDS)


def _made(folder: Path) -> bool:
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    with suppress(OSError):  # a full disk; the name is for people only
        (folder / "holder").write_text(f"{socket.gethostname()} {os.getpid()}")
    return True


def _beat(folder: Path, done: threading.Event) -> None:
    while not done.wait(BEAT_SECONDS):
        with suppress(OSError):
            os.utime(folder)


def _last_beat(folder: Path) -> float | None:
    with suppress(OSError):
        return folder.stat().st_mtime
    return None


def _holder(folder: Path) -> str:
    with suppress(OSError):
        return (folder / "holder").read_text()
    return "unknown"


def _free(folder: Path) -> None:
    with suppress(FileNotFoundError):
        (folder / "holder").unlink()
    with suppress(FileNotFoundError):
        folder.rmdir()
