"""A miniature image and a volume, all below one temporary folder, and a pod that starts on them."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from scripts.workspace.layout import Layout

ROOT = Path(__file__).resolve().parents[2]
COMFYUI_TREE = ROOT / "tests" / "support" / "comfyui" / "tree"
LOCK_ID = "py3-first"
SITE_PACKAGES = Path("lib", f"python{sysconfig.get_python_version()}", "site-packages")

# Says how it was started instead of starting, after reading the command line as ComfyUI does.
MAIN = """\
import comfy.options
comfy.options.enable_args_parsing()
import comfy.cli_args, json, os, sys
print("STARTED", json.dumps({"program": sys.executable, "arguments": sys.argv, "environment": dict(os.environ)}))
"""


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a start of ComfyUI's service came to."""

    exit_code: int
    output: str
    # workspace.json and accelerator.json
    report: dict[str, Any]
    verdict: dict[str, Any]
    # Of ComfyUI, empty where it was not started.
    program: str
    arguments: list[str]
    environment: dict[str, str]

    def argument(self, name: str) -> str:
        return self.arguments[self.arguments.index(name) + 1]

    def arguments_last(self, name: str) -> str:
        """Return the value that counts where an option is there twice."""
        last = len(self.arguments) - 1 - self.arguments[::-1].index(name)
        return self.arguments[last + 1]

    def arguments_of(self, name: str) -> list[str]:
        """Return the values of an option that takes several."""
        rest = self.arguments[self.arguments.index(name) + 1 :]
        end = next((index for index, word in enumerate(rest) if word.startswith("--")), len(rest))
        return rest[:end]

    @property
    def problems(self) -> list[str]:
        return [problem["code"] for problem in self.report["problems"]]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return what an image holds, and an empty volume."""
    layout = Layout(
        workspace=tmp_path / "volume",
        spare=tmp_path / "image" / "spare",
        image=tmp_path / "image" / "image.json",
        run=tmp_path / "run",
        baked_nodes=tmp_path / "image" / "nodes",
        home=tmp_path / "home",
        profile=tmp_path / "profile.sh",
        scratch=tmp_path / "state" / "scratch",
        mounted=True,
    )
    layout.workspace.mkdir()
    make_comfyui(layout.spare / "ComfyUI")
    make_venv(layout.spare / "venv")
    set_lock_id(layout, LOCK_ID)
    return layout


def make_comfyui(folder: Path) -> None:
    shutil.copytree(COMFYUI_TREE / "comfy", folder / "comfy")
    (folder / "main.py").write_text(MAIN)
    for data in ("models/checkpoints", "models/loras", "input", "output", "user", "custom_nodes"):
        (folder / data).mkdir(parents=True)


def make_venv(folder: Path) -> None:
    """Of the Python that runs the tests, with uv and a torch that is nothing but its records."""
    python = Path(sys.executable).resolve()
    torch = folder / SITE_PACKAGES / "torch-2.13.0.dist-info"
    torch.mkdir(parents=True)
    (torch / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.13.0\n")
    (folder / SITE_PACKAGES / "torch").mkdir()
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(python)
    (folder / "bin" / "uv").symlink_to(find_uv_bin())
    (folder / "bin" / "tool").write_text("#!/workspace/venv/bin/python\n")
    (folder / "pyvenv.cfg").write_text(f"home = {python.parent}\n")


def set_lock_id(layout: Layout, lock_id: str) -> None:
    """Another version of the image."""
    layout.image.write_text(json.dumps({"lock_id": lock_id, "cuda": None, "architectures": [], "nodes": []}))
    (layout.spare / "venv" / ".comfypod-lock-id").write_text(lock_id)
    layout.constraints.write_text("torch==2.13.0\n")


def fill_from_image(layout: Layout) -> None:
    """Return what Docker does with a new named volume."""
    shutil.copytree(layout.spare / "ComfyUI", layout.comfyui)
    shutil.copytree(layout.spare / "venv", layout.venv_link, symlinks=True)


SERVICE = [sys.executable, "-m", "scripts.workspace", "comfyui"]


def environment_of(layout: Layout, **variables: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(layout.home),
        "SHELL_PROFILE": str(layout.profile),
        "WORKSPACE": str(layout.workspace),
        "SPARE_DIR": str(layout.spare),
        "IMAGE_FACTS": str(layout.image),
        "RUN_DIR": str(layout.run),
        "BAKED_NODES_DIR": str(layout.baked_nodes),
        "STATE_DIR": str(layout.scratch.parent),
        **variables,
    }


def start(layout: Layout, **variables: str) -> Start:
    """ComfyUI's service, started the way the supervisor does it."""
    done = subprocess.run(
        SERVICE,
        cwd=ROOT,
        env=environment_of(layout, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    told = [line.removeprefix("STARTED ") for line in done.stdout.splitlines() if line.startswith("STARTED ")]
    comfyui = json.loads(told[0]) if told else {"program": "", "arguments": [], "environment": {}}
    return Start(
        exit_code=done.returncode,
        output=done.stdout,
        report=_read(layout.run / "workspace.json"),
        verdict=_read(layout.run / "accelerator.json"),
        **comfyui,
    )


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return content
