"""A lock between machines that share a volume: one pod at a time.

The lock is a folder: creating one is atomic even on network file systems where every flock succeeds. The folder contains
one heartbeat file with a unique name, which the holder rewrites every few seconds. When the file stops changing, a
waiter takes the lock over: of several waiters, exactly one succeeds in removing that file. The heartbeat is a file and
not the folder's time, because network file systems cache a folder's time for up to a minute but refresh a file when it
is opened. Waiters measure time with their own clock only, because the clocks of pods and file servers differ.
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
# A heartbeat is visible at once on the same machine, but only after the directory cache expires on another.
STALE_HERE_SECONDS = 15.0
STALE_ELSEWHERE_SECONDS = 90.0
POLL_SECONDS = 0.1
NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LockedElsewhere(Exception):
    """Another process holds the lock; the message names the process and its machine."""


@contextmanager
def volume_lock(folder: Path, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock for the duration of the block. Raise LockedElsewhere when a live process holds it for `wait` seconds.

    A holder that may be dead is watched for longer, until that is certain.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    mine = folder / uuid.uuid4().hex
    _take(mine, time.monotonic() + wait)
    done = threading.Event()
    thread = threading.Thread(target=_beat, args=(mine, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _remove(folder, mine)


@dataclass(frozen=True)
class _Holder:
    """The holder as its heartbeat file describes it. On a full disk the file is empty; without a file all fields are."""

    file: Path | None = None
    # boot id, PID namespace, process id, start time of the process, host name, number of the heartbeat
    fields: tuple[str, ...] = ()
    written_ns: int = 0

    @property
    def is_of_this_machine(self) -> bool:
        return self.fields[:1] == _self()[:1]

    @property
    def has_died_here(self) -> bool:
        if len(self.fields) < 4 or self.fields[:2] != _self()[:2]:
            return False
        return _start_of(self.fields[2]) != self.fields[3]

    @property
    def stale_seconds(self) -> float:
        return STALE_HERE_SECONDS if self.is_of_this_machine else STALE_ELSEWHERE_SECONDS

    def __str__(self) -> str:
        return f"{self.fields[4]}, process {self.fields[2]}" if len(self.fields) > 4 else "machine unknown"


def _take(mine: Path, deadline: float) -> None:
    holder, since, alive = _holder_of(mine.parent), time.monotonic(), False
    while not _create(mine):
        now, seen = time.monotonic(), _holder_of(mine.parent)
        if seen != holder:
            holder, since, alive = seen, now, True
        if now - since > holder.stale_seconds or holder.has_died_here:
            _remove(mine.parent, holder.file)
            since = now
        elif alive and now > deadline:
            raise LockedElsewhere(str(holder))
        else:
            time.sleep(POLL_SECONDS)


def _create(mine: Path) -> bool:
    try:
        mine.parent.mkdir()
        mine.touch()
    except (
        FileExistsError,
        FileNotFoundError,
    ):  # not found: a waiter removed the folder because it had no heartbeat file
        return False
    with suppress(OSError):  # the disk is full; waiters watch an empty file for longer
        mine.write_text(_heartbeat(0))
    return True


def _beat(mine: Path, done: threading.Event) -> None:
    """Rewrite the heartbeat in place with the same length, which works on a full disk too."""
    beat = 0
    while not done.wait(BEAT_SECONDS):
        beat += 1
        with suppress(OSError):
            os.utime(mine)
        with suppress(OSError), mine.open("r+") as file:
            file.write(_heartbeat(beat))


def _heartbeat(beat: int) -> str:
    return " ".join([*_self(), f"{beat:09d}"])


def _self() -> tuple[str, ...]:
    """Identify this process. Containers of one host may share a host name, so the PID namespace is part of the identity."""
    space = str(Path("/proc/self/ns/pid").readlink())
    process = str(os.getpid())
    return BOOT_ID.read_text().strip(), space, process, _start_of(process), socket.gethostname()


def _start_of(process: str) -> str:
    """Return the start time of a process in ticks since boot, because process ids are reused; empty if it does not exist."""
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
    """Remove the lock that `file` belongs to. If another waiter was faster, the lock belongs to that waiter and stays."""
    try:
        if file:
            file.unlink()
        folder.rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in NOT_EMPTY:
            raise
