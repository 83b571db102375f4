"""Where things lie, in the image and on the volume."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Folders of ComfyUI that hold what people make; everything else in its tree is code.
DATA_FOLDERS = frozenset({"models", "input", "output", "temp", "user", "custom_nodes"})


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Every path that preparing touches. Tests put all of them below one temporary folder."""

    # The volume, or the image's own folder where nothing is mounted.
    workspace: Path
    # Twins of ComfyUI and its venv, outside the workspace, so that no mount hides them.
    spare: Path
    # What the image knows of itself.
    image: Path
    # Reports for the control plane.
    run: Path
    baked_nodes: Path
    # Whether a volume hides the image's own workspace.
    mounted: bool

    @property
    def comfyui(self) -> Path:
        return self.workspace / "ComfyUI"

    @property
    def venv(self) -> Path:
        return self.workspace / "venv"

    @property
    def state(self) -> Path:
        return self.workspace / ".comfypod"

    def facts(self) -> dict[str, Any]:
        """`image.json`: variant, accelerator, cuda, lock_id, nodes."""
        facts: dict[str, Any] = json.loads(self.image.read_text())
        return facts


def layout_from(environment: Mapping[str, str]) -> Layout:
    workspace = Path(environment.get("WORKSPACE", "/workspace"))
    return Layout(
        workspace=workspace,
        spare=Path(environment.get("SPARE_DIR", "/opt/spare")),
        image=Path(environment.get("IMAGE_FACTS", "/opt/comfypod/image.json")),
        run=Path(environment.get("RUN_DIR", "/run/comfypod")),
        baked_nodes=Path(environment.get("BAKED_NODES_DIR", "/opt/nodes")),
        mounted=workspace.is_mount(),
    )
