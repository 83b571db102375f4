"""ComfyUI's command line."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from scripts.workspace.accelerator import Verdict
from scripts.workspace.layout import Layout

PORT = 3000


def command(layout: Layout, environment: Mapping[str, str], verdict: Verdict, model_paths: Path) -> list[str]:
    """The arguments, program first. ValueError when COMFYUI_EXTRA_ARGS cannot be split."""
    arguments = [
        str(layout.venv / "bin" / "python"),
        str(layout.comfyui / "main.py"),
        *("--listen", "127.0.0.1", "--port", str(PORT)),
        *("--base-directory", str(layout.comfyui)),
        *("--database-url", f"sqlite:///{layout.comfyui / 'user' / 'comfyui.db'}"),
        *("--extra-model-paths-config", str(model_paths)),
        "--enable-manager",
    ]
    own_paths = layout.comfyui / "extra_model_paths.yaml"
    if own_paths.is_file():
        arguments += ["--extra-model-paths-config", str(own_paths)]
    if verdict.kind == "cpu":
        arguments.append("--cpu")
    if environment.get("SAFE_MODE") == "1":
        arguments.append("--disable-all-custom-nodes")
    return arguments + shlex.split(environment.get("COMFYUI_EXTRA_ARGS", ""))


def write_manager_defaults(layout: Layout) -> None:
    """ComfyUI-Manager behind our gate is a personal cloud. A file that is there already is its owner's."""
    path = layout.comfyui / "user" / "__manager" / "config.ini"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[default]\nnetwork_mode = personal_cloud\nuse_uv = True\n")
