"""One pod at a time: a lock that holds between machines which share a volume.

A folder is the lock: making one is atomic also on network file systems where flock succeeds for everybody. In it lies
one file of its holder, under a name that nobody else has, which the holder rewrites every few seconds. A waiter that
sees it stand still takes the lock over: of those who try, one succeeds in removing that file. It is a file and not the
folder's time, because network file systems show a stale time for up to a minute but bring a file up to date when it is
opened. Only the waiter's own clock counts, because the clocks of pods and of file servers disagree.
"""

import errno
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

WAIT_SECONDS = 60.0
BEAT_SECONDS = 2.0
# On one machine a beat is seen at once; on another, as late as its directory cache lets it.
STALE_HERE_SECONDS = 15.0
STALE_ELSEWHERE_SECONDS = 90.0
LOOK_SECONDS = 0.1
NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LockedElsewhere(Exception):
    """Another process has held the lock for too long; the message says which, and on which machine."""


@contextmanager
def volume_lock(folder: Path, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """`wait` seconds are what a living holder is given; one that may be dead is watched until that is known."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    mine = folder / uuid.uuid4().hex
    _take(mine, time.monotonic() + wait)
    done = threading.Event()
    heart = threading.Thread(target=_beat, args=(mine, done), daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()
        _remove(folder, mine)


@dataclass(frozen=True)
class _Holder:
    """What is seen of whoever holds the lock. On a full disk the file is empty, and without a file both are."""

    file: Path | None = None
    # boot id, PID namespace, process, its start, host name, beat
    words: tuple[str, ...] = ()
    written_ns: int = 0

    @property
    def is_of_this_machine(self) -> bool:
        return self.words[:1] == _self()[:1]

    @property
    def has_died_here(self) -> bool:
        if len(self.words) < 4 or self.words[:2] != _self()[:2]:
            return False
        return _start_of(self.words[2]) != self.words[3]

    @property
    def stale_seconds(self) -> float:
        return STALE_HERE_SECONDS if self.is_of_this_machine else STALE_ELSEWHERE_SECONDS

    def __str__(self) -> str:
        return f"{self.words[4]}, process {self.words[2]}" if len(self.words) > 4 else "machine unknown"


def _take(mine: Path, deadline: float) -> None:
    holder, since, alive = _holder_of(mine.parent), time.monotonic(), False
    while not _made(mine):
        now, seen = time.monotonic(), _holder_of(mine.parent)
        if seen != holder:
            holder, since, alive = seen, now, True
        if now - since > holder.stale_seconds or holder.has_died_here:
            _remove(mine.parent, holder.file)
            since = now
        elif alive and now > deadline:
            raise LockedElsewhere(str(holder))
        else:
            time.sleep(LOOK_SECONDS)


def _made(mine: Path) -> bool:
    try:
        mine.parent.mkdir()
        mine.touch()
    except (
        FileExistsError,
        FileNotFoundError,
    ):  # not found: a waiter took a folder without a file for a dead one
        return False
    with suppress(OSError):  # a full disk; an empty file is watched for longer
        mine.write_text(_words(0))
    return True


def _beat(mine: Path, done: threading.Event) -> None:
    """In place and of the same length, so that a disk that is full by now does not matter."""
    beat = 0
    while not done.wait(BEAT_SECONDS):
        beat += 1
        with suppress(OSError):
            os.utime(mine)
        with suppress(OSError), mine.open("r+") as file:
            file.write(_words(beat))


def _words(beat: int) -> str:
    return " ".join([*_self(), f"{beat:09d}"])


def _self() -> tuple[str, ...]:
    """This machine since its start, and the processes that we can see: containers of one host may bear its name."""
    space = str(Path("/proc/self/ns/pid").readlink())
    process = str(os.getpid())
    return BOOT_ID.read_text().strip(), space, process, _start_of(process), socket.gethostname()


def _start_of(process: str) -> str:
    """When a process was started, in ticks since boot: numbers come again. Empty where there is none."""
    with suppress(OSError, IndexError):
        return Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[19]
    return ""


def _holder_of(folder: Path) -> _Holder:
    file = None
    with suppress(OSError, ValueError):
        file = next(folder.iterdir(), None)
        if file:
            with file.open() as content:
                return _Holder(file, tuple(content.read().split()), os.fstat(content.fileno()).st_mtime_ns)
    return _Holder(file)


def _remove(folder: Path, file: Path | None) -> None:
    """The lock of whoever owns the file; if somebody was faster, it is theirs by now and stays."""
    try:
        if file:
            file.unlink()
        folder.rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in NOT_EMPTY:
            raise
