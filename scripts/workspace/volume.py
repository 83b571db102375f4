"""Checks that a volume can be used, before anything on it changes."""

import os
import tempfile
from pathlib import Path

from scripts.workspace.layout import DATA_FOLDERS, Layout
from scripts.workspace.report import Problem, Unusable

PROBE_BYTES = 4096


def check(layout: Layout) -> None:
    """Raise OSError for a volume that cannot be written, Unusable for one with a file in the place of a folder."""
    folders = [layout.workspace, layout.comfyui, *(layout.comfyui / name for name in sorted(DATA_FOLDERS))]
    for folder in [*folders, layout.state]:
        _check_folder(folder)
    layout.workspace.mkdir(parents=True, exist_ok=True)  # WORKSPACE may name a folder that does not exist yet
    _probe(layout.workspace)


def _probe(folder: Path) -> None:
    """Write a temporary file to disk. Permissions are not enough: a full disk allows an empty file."""
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
                message=f"{path} is a link to {path.readlink()}, which does not exist.",
                remedy="Mount that folder, or remove the link, then restart ComfyUI.",
            )
        )
    raise Unusable(
        Problem(
            code="not_a_folder",
            message=f"{path} is a file, but ComfyUI needs a folder there.",
            remedy="Rename the file, then restart ComfyUI.",
        )
    )
