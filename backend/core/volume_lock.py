"""One pod at a time: a lock that holds between machines which share a volume.

A folder is the lock: making one is atomic also on network file systems where flock succeeds for everybody.
Who holds it touches it every few seconds; a waiter that sees its time stand still takes it over. Only the waiter's
own clock counts, because the clocks of pods and of file servers disagree. A holder that died on this machine is
known to be dead at once.
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
    """Another process has held the lock for too long; the message says which, and on which machine."""


@contextmanager
def volume_lock(folder: Path, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """`wait` seconds are what a living holder is given; one that may be dead is watched until that is known."""
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
    beat, since, alive = _last_beat(folder), time.monotonic(), False
    while not _made(folder):
        now = time.monotonic()
        if _last_beat(folder) != beat:
            beat, since, alive = _last_beat(folder), now, True
        if now - since > STALE_SECONDS or _died_here(folder):
            _free(folder)
        elif alive and now > deadline:
            raise LockedElsewhere(_title(_holder(folder)))
        else:
            time.sleep(LOOK_SECONDS)


def _made(folder: Path) -> bool:
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    with suppress(OSError):  # a full disk; without a name it is waited for a little longer
        (folder / "holder").write_text(f"{_here()} {os.getpid()}")
    return True


def _here() -> str:
    """This machine and the processes that we can see: containers of one host may bear its name."""
    return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()}"


def _died_here(folder: Path) -> bool:
    place, _, process = _holder(folder).rpartition(" ")
    return place == _here() and not Path("/proc", process).exists()


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
    return "machine unknown"


def _title(holder: str) -> str:
    host, *_, process = holder.split()
    return f"{host}, process {process}" if process.isdigit() else holder


def _free(folder: Path) -> None:
    with suppress(FileNotFoundError):
        (folder / "holder").unlink()
    with suppress(FileNotFoundError):
        folder.rmdir()
