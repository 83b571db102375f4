"""Pods on a shared volume hold the volume lock one at a time."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend.core import volume_lock as locking
from backend.core.volume_lock import LockedElsewhere, volume_lock
from tests.support.process import ROOT

ELSEWHERE = "other-boot pid:[1] 7 1234 other-pod"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def left_by_another_machine(lock: Path, content: str = f"{ELSEWHERE} 0") -> Path:
    lock.mkdir()
    file = lock / "holder"
    file.write_text(content)
    return file


def holder_of(lock: Path) -> Path:
    (file,) = lock.iterdir()
    return file


@contextmanager
def beating(file: Path, *contents: str) -> Iterator[None]:
    """Hold the lock as another machine, with a stale folder time as NFS may show it."""
    done = threading.Event()
    folder_time = file.parent.stat().st_mtime

    def beat() -> None:
        while not done.wait(0.02):
            for content in contents:
                with file.open("r+") as opened:
                    opened.write(content)
                os.utime(file)
                os.utime(file.parent, (folder_time, folder_time))

    heart = threading.Thread(target=beat)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()


def test_the_lock_of_a_process_that_died_on_this_machine_is_taken_over_at_once(lock: Path) -> None:
    script = (
        "import os, pathlib, sys; from backend.core.volume_lock import volume_lock\n"
        "with volume_lock(pathlib.Path(sys.argv[1])): os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script, str(lock)], cwd=ROOT, check=False)
    assert lock.exists()
    with volume_lock(lock, wait=0):
        pass
    assert not lock.exists()


def test_a_reused_process_id_does_not_keep_the_lock_alive(lock: Path) -> None:
    """Process ids repeat, for example in a restarted container."""
    with volume_lock(lock):
        mine = holder_of(lock).read_text().split()
    mine[3] = "1"  # started at another time
    left_by_another_machine(lock, " ".join(mine))
    with volume_lock(lock, wait=0):
        pass


def test_the_error_names_the_pod_that_holds_the_lock(lock: Path) -> None:
    with (
        volume_lock(lock),
        pytest.raises(LockedElsewhere, match=str(os.getpid())),
        volume_lock(lock, wait=0),
    ):
        pass


@pytest.mark.parametrize(
    ("contents", "name"),
    [
        ((f"{ELSEWHERE} 1", f"{ELSEWHERE} 2"), "other-pod, process 7"),
        (("",), "machine unknown"),  # its disk is full
    ],
)
def test_a_holder_on_another_machine_lives_as_long_as_its_file_changes(
    lock: Path, contents: tuple[str, ...], name: str
) -> None:
    file = left_by_another_machine(lock, contents[0])
    with beating(file, *contents), pytest.raises(LockedElsewhere, match=name), volume_lock(lock, wait=0.2):
        pass
    assert file.exists()


def test_a_holder_that_lost_the_lock_does_not_remove_its_successors(lock: Path) -> None:
    with volume_lock(lock):
        holder_of(lock).rename(lock / "successor")
    assert holder_of(lock).name == "successor"


def test_waiters_take_over_from_a_dead_pod_one_at_a_time(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "STALE_ELSEWHERE_SECONDS", 0.2)
    left_by_another_machine(lock)
    inside = threading.Semaphore(1)
    alone: list[bool] = []

    def work() -> None:
        with volume_lock(lock):
            alone.append(inside.acquire(blocking=False))
            inside.release()

    waiting = [threading.Thread(target=work) for _ in range(8)]
    for one in waiting:
        one.start()
    for one in waiting:
        one.join()
    assert alone == [True] * 8
    assert not lock.exists()
