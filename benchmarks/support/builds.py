"""Measure build times: with nothing cached, with everything cached, and after a change in backend/.

Cold means that every layer is built again; downloaded packages stay in the builder's cache mounts. Builds happen in a
copy of the repository, with stand-ins for ComfyUI and torch, so that they measure our Dockerfile and not a network. Other
builds do not reuse these layers, because the lowest layer is made from a unique list.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = "minimal-cpu"
VERSION = "bench"


def build_seconds() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="comfypod-build-") as folder:
        copy = Path(folder)
        _copy_repository(copy)
        _change(copy / "images/apt/runtime.txt")
        seconds = {"cold": _build(copy), "warm": _build(copy)}
        _change(copy / "backend/__init__.py")
        return seconds | {"after_backend_change": _build(copy)}


def _change(file: Path) -> None:
    file.write_text(f"{file.read_text()}# changed at {time.time()}\n")


def _copy_repository(folder: Path) -> None:
    """Return the tracked files with their content in the working tree."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    subprocess.run(
        ["tar", "--create", "--null", "--files-from=-", "--file", str(folder / "tree.tar")],
        cwd=ROOT,
        check=True,
        input=names,
        text=True,
    )
    subprocess.run(["tar", "--extract", "--file", "tree.tar"], cwd=folder, check=True)


def _build(folder: Path) -> float:
    environment = {**os.environ, "STANDINS": "1", "VERSION": VERSION, "PROGRESS": "plain"}
    began = time.monotonic()
    subprocess.run(
        ["scripts/dev/image.sh", *TARGET.split("-", 1)],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    return time.monotonic() - began
