"""Compare preparing an empty volume with copying the same trees to it, as other images do.

Both on the local disk, and on a modelled network file system: every call that a network volume would answer over the
network takes half a millisecond longer (slow_volume.c).
"""

import re
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from benchmarks.support.containers import docker

SLOW_SOURCE = Path(__file__).with_name("slow_volume.c")
MICROSECONDS = 500
PREPARE = "cd /opt/comfypod && PYTHONPATH= venv/bin/python -m scripts.workspace"
READY = re.compile(r"workspace: ready in ([\d.]+) s \(empty\)")
COPIES = {
    "cp -a": "cp -a /opt/spare/. /workspace/",
    "rsync -a": "rsync -a /opt/spare/ /workspace/",
    "tar": "tar -C /opt/spare -c . | tar -C /workspace -x",
}
CLEAN = "find /workspace -mindepth 1 -delete"


def prepare_seconds(image: str, *, slow: bool = False) -> float:
    """Return the time to prepare an empty volume, as the pod reports it."""
    with _Volume(image, slow=slow) as volume:
        report = volume.run(f"{volume.slowly} bash -c '{PREPARE}'")
        found = READY.search(report)
        if not found:
            raise RuntimeError(f"the workspace was not prepared:\n{report}")
        return float(found[1])


def copy_seconds(image: str, *, slow: bool = False) -> dict[str, float]:
    """Return the time to copy by tool; skip tools that the container cannot install."""
    with _Volume(image, slow=slow) as volume:
        return {name: volume.time(command) for name, command in COPIES.items() if volume.has(name.split()[0])}


def can_be_slowed() -> bool:
    return shutil.which("gcc") is not None


class _Volume:
    """Mount an empty folder of this machine into an idle container of the image."""

    def __init__(self, image: str, *, slow: bool):
        self._folder = Path(tempfile.mkdtemp(prefix="comfypod-bench-"))
        (self._folder / "workspace").mkdir()
        self.slowly = ""
        mounts = ["--volume", f"{self._folder / 'workspace'}:/workspace"]
        if slow:
            self.slowly = f"env LD_PRELOAD=/slow.so SLOW_FOLDER=/workspace SLOW_MICROSECONDS={MICROSECONDS}"
            mounts += ["--volume", f"{_compiled(self._folder)}:/slow.so:ro"]
        idle = ("--entrypoint", "sleep", image, "infinity")
        self._name = docker("run", "--detach", "--init", *mounts, *idle).strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(subprocess.CalledProcessError):
            self.run(CLEAN)
        docker("rm", "--force", self._name)
        shutil.rmtree(self._folder)

    def run(self, command: str) -> str:
        return docker("exec", self._name, "bash", "-c", command)

    def has(self, program: str) -> bool:
        """Return True if the program is available; install it from the package index if necessary."""
        try:
            self.run(
                f"command -v {program} || (apt-get update && apt-get install --yes {program}) >/dev/null 2>&1"
            )
        except subprocess.CalledProcessError:
            return False
        return True

    def time(self, command: str) -> float:
        timed = f"TIMEFORMAT=%R; time {self.slowly} bash -c '{command}'"
        seconds = self.run(f"({timed}) 2>&1 | tail -n 1")
        self.run(CLEAN)
        return float(seconds)


def _compiled(folder: Path) -> Path:
    library = folder / "slow.so"
    command = ["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(library), str(SLOW_SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library
