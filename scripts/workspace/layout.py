"""Paths in the image and on the volume."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Folders of ComfyUI with the user's files; everything else in its tree is code.
DATA_FOLDERS = frozenset({"models", "input", "output", "user", "custom_nodes"})


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Every path that the preparation touches. Tests put all of them below one temporary folder."""

    # The volume, or the image's own folder where nothing is mounted.
    workspace: Path
    # Copies of ComfyUI and its venv outside the workspace, so that no mount hides them.
    spare: Path
    # The image's description, image.json.
    image: Path
    # Reports for the control plane.
    run: Path
    baked_nodes: Path
    # The user's home folder, where tools save their settings.
    home: Path
    # The profile of shells.
    profile: Path
    # Replaces the workspace where a volume cannot be used: on local disk, lost with the pod.
    scratch: Path
    # Whether a volume hides the image's own workspace.
    mounted: bool

    @property
    def comfyui(self) -> Path:
        return self.workspace / "ComfyUI"

    @property
    def venv_link(self) -> Path:
        """Return the link that terminals use. ComfyUI itself runs from the venv that it points to."""
        return self.workspace / "venv"

    @property
    def state(self) -> Path:
        return self.workspace / ".comfypod"

    @property
    def of_this_pod(self) -> Path:
        """On local disk like the scratch: ComfyUI's temp folder, which it empties when it starts and when it ends."""
        return self.scratch.with_name("comfyui")

    @property
    def venvs(self) -> Path:
        return self.state / "venvs"

    @property
    def cache(self) -> Path:
        return self.state / "cache"

    @property
    def tools(self) -> Path:
        """Contains code-server and JupyterLab in images that have them."""
        return self.spare.parent

    @property
    def constraints(self) -> Path:
        """Pins every package of the image."""
        return self.image.with_name("constraints.txt")

    def facts(self) -> dict[str, Any]:
        """Return `image.json`: variant, accelerator, cuda, architectures, lock_id, nodes."""
        facts: dict[str, Any] = json.loads(self.image.read_text())
        return facts


@dataclass(frozen=True, kw_only=True)
class Place:
    """The folders with which ComfyUI runs."""

    # Contains models, input, output, user and custom_nodes.
    base: Path
    main: Path
    venv: Path
    # The cache of installers. uv needs links there.
    cache: Path
    # The volume's ComfyUI where `base` only replaces it; it is read, never written.
    unused: Path | None = None

    @property
    def state(self) -> Path:
        return self.base.parent / ".comfypod"

    @property
    def custom_nodes(self) -> list[Path]:
        """Return the folders with the user's own nodes."""
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
        profile=Path(environment.get("SHELL_PROFILE", "/etc/profile.d/comfypod.sh")),
        scratch=Path(environment.get("STATE_DIR", "/var/lib/comfypod")) / "scratch",
        mounted=workspace.is_mount(),
    )
