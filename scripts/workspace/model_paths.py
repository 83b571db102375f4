"""Where ComfyUI looks for models and nodes besides its own folders."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.workspace.layout import Layout

MOUNTS = ("/models", "/runpod-volume/models")
FOLDERS = (
    "audio_encoders", "background_removal", "checkpoints", "clip_vision", "controlnet", "diffusion_models",
    "embeddings", "latent_upscale_models", "loras", "model_patches", "style_models", "text_encoders",
    "upscale_models", "vae", "vae_approx",
)  # fmt: skip


def write_model_paths(layout: Layout, environment: Mapping[str, str]) -> Path:
    """`extra_model_paths.yaml` in the run folder: made anew at every start, so it never goes stale."""
    sections: dict[str, Any] = {}
    for number, mount in enumerate(extra_mounts(environment)):
        sections[f"mount_{number}"] = {
            "base_path": str(mount),
            **{folder: f"{folder}/" for folder in FOLDERS},
        }
    nodes = _offered_nodes(layout)
    if nodes:
        sections["image"] = {"base_path": str(nodes.parent), "custom_nodes": nodes.name}
    path = layout.run / "extra_model_paths.yaml"
    path.write_text(yaml.safe_dump(sections, sort_keys=False))
    return path


def extra_mounts(environment: Mapping[str, str]) -> list[Path]:
    named = [part.strip() for part in environment.get("EXTRA_MODEL_PATHS", "").split(",") if part.strip()]
    return [Path(mount) for mount in (*named, *MOUNTS) if Path(mount).is_dir()]


def _offered_nodes(layout: Layout) -> Path | None:
    """Links to the baked nodes that the user does not have as well: none is ever loaded twice."""
    if not layout.baked_nodes.is_dir():
        return None
    own = {entry.name.lower() for entry in (layout.comfyui / "custom_nodes").iterdir()}
    offered = layout.run / "nodes"
    offered.mkdir(exist_ok=True)
    for link in offered.iterdir():
        link.unlink()
    for node in sorted(layout.baked_nodes.iterdir()):
        if node.name.lower() not in own:
            (offered / node.name).symlink_to(node)
    return offered
