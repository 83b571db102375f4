"""A miniature image and a volume, all below one temporary folder."""

import json
from pathlib import Path

import pytest

from scripts.workspace.layout import Layout

LOCK_ID = "py3.13-first"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """What an image holds, and an empty volume."""
    layout = Layout(
        workspace=tmp_path / "volume",
        spare=tmp_path / "image" / "spare",
        image=tmp_path / "image" / "image.json",
        run=tmp_path / "run",
        baked_nodes=tmp_path / "image" / "nodes",
        mounted=True,
    )
    layout.workspace.mkdir()
    make_comfyui(layout.spare / "ComfyUI")
    make_venv(layout.spare / "venv")
    set_lock_id(layout, LOCK_ID)
    return layout


def make_comfyui(folder: Path) -> None:
    (folder / "comfy").mkdir(parents=True)
    (folder / "comfy" / "samplers.py").write_text("steps = 20\n")
    (folder / "main.py").write_text("print('the image')\n")
    for data in ("models/checkpoints", "models/loras", "input", "output", "user", "temp", "custom_nodes"):
        (folder / data).mkdir(parents=True)


def make_venv(folder: Path) -> None:
    packages = folder / "lib" / "python3.13" / "site-packages"
    (packages / "torch").mkdir(parents=True)
    (packages / "torch-2.13.0.dist-info").mkdir()
    (packages / "torch-2.13.0.dist-info" / "METADATA").write_text("Name: torch\nVersion: 2.13.0\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to("/usr/bin/python3")
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")


def set_lock_id(layout: Layout, lock_id: str) -> None:
    layout.image.write_text(json.dumps({"lock_id": lock_id, "cuda": None, "nodes": []}))
