"""Where things lie, in the image and on the volume."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Folders of ComfyUI that hold what people make; everything else in its tree is code.
DATA_FOLDERS = frozenset({"models", "input", "output", "user", "custom_nodes"})


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
    # The pod's user's, where tools keep their settings.
    home: Path
    # Takes the workspace's place where a volume cannot be used: local, and gone with the pod.
    scratch: Path
    # Whether a volume hides the image's own workspace.
    mounted: bool

    @property
    def comfyui(self) -> Path:
        return self.workspace / "ComfyUI"

    @property
    def venv_link(self) -> Path:
        """For people's terminals. ComfyUI itself runs from the venv that this points to."""
        return self.workspace / "venv"

    @property
    def state(self) -> Path:
        return self.workspace / ".comfypod"

    @property
    def of_this_pod(self) -> Path:
        """Local, like the scratch: where ComfyUI has its temp folder, which it empties when it starts and when it ends."""
        return self.scratch.with_name("comfyui")

    @property
    def venvs(self) -> Path:
        return self.state / "venvs"

    @property
    def cache(self) -> Path:
        return self.state / "cache"

    @property
    def tools(self) -> Path:
        """Holds code-server and JupyterLab in images that have them."""
        return self.spare.parent

    @property
    def constraints(self) -> Path:
        """Every package of the image at its version."""
        return self.image.with_name("constraints.txt")

    def facts(self) -> dict[str, Any]:
        """`image.json`: variant, accelerator, cuda, architectures, lock_id, nodes."""
        facts: dict[str, Any] = json.loads(self.image.read_text())
        return facts


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where ComfyUI runs."""

    # Holds models, input, output, user and custom_nodes.
    base: Path
    main: Path
    venv: Path
    # Where installers keep what they fetched. uv needs links there.
    cache: Path
    # The volume's ComfyUI when `base` only stands in for it; it is read, never written.
    unused: Path | None = None

    @property
    def state(self) -> Path:
        return self.base.parent / ".comfypod"

    @property
    def custom_nodes(self) -> list[Path]:
        """Folders with the user's own nodes."""
        bases = [self.base, self.unused] if self.unused else [self.base]
        return [base / "custom_nodes" for base in bases]


def layout_from(environment: Mapping[str, str]) -> Layout:
    workspace = Path(environment.get("WORKSPACE", "/workspace"))
    return Layout(
        workspace=workspace,
        spare=Path(environment.get("SPARE_DIR", "/opt/spare")),
        image=Path(environment.get("IMAGE_FACTS", "/opt/comfypod/image.json")),
        run=Path(environment.get("RUN_DIR", "/run/comfypod")),
        baked_nodes=Path(environment.get("BAKED_NODES_DIR", "/opt/nodes")),
        home=Path(environment.get("HOME") or "/root"),
        scratch=Path(environment.get("STATE_DIR", "/var/lib/comfypod")) / "scratch",
        mounted=workspace.is_mount(),
    )
