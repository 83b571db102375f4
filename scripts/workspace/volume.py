"""Can this volume be used at all? Asked before anything on it is touched."""

import os
import tempfile
from pathlib import Path

from scripts.workspace.layout import DATA_FOLDERS, Layout
from scripts.workspace.report import Problem, Unusable

PROBE_BYTES = 4096


def check(layout: Layout) -> None:
    """OSError for a volume that refuses to be written, Unusable for one with something in a folder's place."""
    folders = [layout.workspace, layout.comfyui, *(layout.comfyui / name for name in sorted(DATA_FOLDERS))]
    for folder in [*folders, layout.state]:
        _check_folder(folder)
    layout.workspace.mkdir(parents=True, exist_ok=True)  # WORKSPACE may name a folder that is yet to come
    _probe(layout.workspace)


def _probe(folder: Path) -> None:
    """Have a nameless file reach the disk. Permissions alone do not tell: a full disk allows an empty file."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\0" * PROBE_BYTES)
        file.flush()
        os.fsync(file.fileno())


def _check_folder(path: Path) -> None:
    if path.is_dir() or not os.path.lexists(path):
        return
    if path.is_symlink():
        raise Unusable(
            Problem(
                code="dangling_link",
                message=f"{path} is a link to {path.readlink()}, and there is no folder.",
                remedy="Mount what it points to, or remove the link, then restart ComfyUI.",
            )
        )
    raise Unusable(
        Problem(
            code="not_a_folder",
            message=f"{path} is a file, and ComfyUI needs a folder there.",
            remedy="Rename the file, then restart ComfyUI.",
        )
    )
