"""Writes the paths of models and nodes outside ComfyUI's own folders, at every start, from the existing folders."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from scripts.workspace.layout import Layout, Place
from scripts.workspace.own_model_paths import Sections, read_own
from scripts.workspace.report import Report

# Where hosts usually mount models.
MOUNTS = ("/models", "/runpod-volume")
# Where a mount may have its models: at its root, as on the volumes of some images, or inside a ComfyUI.
INSIDE = (".", "models", "ComfyUI/models")
# ComfyUI's folders, including older names.
KINDS = frozenset({
    "audio_encoders", "background_removal", "checkpoints", "classifiers", "clip", "clip_vision", "configs",
    "controlnet", "detection", "diffusers", "diffusion_models", "embeddings", "frame_interpolation",
    "geometry_estimation", "gligen", "hypernetworks", "latent_upscale_models", "loras", "model_patches",
    "optical_flow", "photomaker", "style_models", "t2i_adapter", "text_encoders", "unet", "upscale_models", "vae",
    "vae_approx",
})  # fmt: skip
CHOSEN = "model-paths.json"


@dataclass(frozen=True, kw_only=True)
class ModelPaths:
    """Configuration files for ComfyUI, and the folder of baked nodes in one of them."""

    configs: list[Path]
    baked_nodes: Path | None
    # Whether ComfyUI must not see the file beside its own main.py.
    own_is_replaced: bool


def write_model_paths(
    layout: Layout, place: Place, environment: Mapping[str, str], report: Report
) -> ModelPaths:
    """Write `extra_model_paths.yaml` to the run folder, and a corrected copy of the user's own if it needs one."""
    baked = _missing_nodes(layout, place)
    sections = _mounts(layout, place, environment, report)
    if place.unused:
        sections["volume"] = _nodes_section(place.unused / "custom_nodes")
    if baked:
        sections["image"] = _nodes_section(baked)
    generated = _write(layout.run / "extra_model_paths.yaml", {name: s for name, s in sections.items() if s})

    own_file = (place.unused or place.base) / "extra_model_paths.yaml"
    own, complaints = read_own(own_file)
    for complaint in complaints:
        report.note(complaint)
    read_by_comfyui = place.main.resolve().parent == own_file.parent.resolve()
    if read_by_comfyui and not complaints:
        own = {}  # no copy needed
    copy = [_write(layout.run / "own_model_paths.yaml", own)] if own else []
    return ModelPaths(
        configs=[generated, *copy],
        baked_nodes=baked,
        own_is_replaced=read_by_comfyui and bool(complaints),
    )


def model_folders(base: Path, kinds: Iterable[str]) -> dict[Path, list[str]]:
    """Return the model folders of a mount, by the folder that contains them."""
    found = {}
    for root in dict.fromkeys(base / inside for inside in INSIDE):
        here = [kind for kind in sorted(kinds) if (root / kind).is_dir()]
        if here:
            found[root] = here
    return found


def _mounts(layout: Layout, place: Place, environment: Mapping[str, str], report: Report) -> Sections:
    kinds = KINDS | _names(place.base / "models")
    sections: Sections = {}
    seen = {(place.base / "models").resolve()}
    named = [*_from_environment(environment), *_chosen(layout, report)]
    for path, is_named in [(path, True) for path in named] + [(path, False) for path in _usual(layout)]:
        folders = _folders_in(path, kinds)
        if is_named and not folders:
            report.note(f"{path} is not used for models: {_why_not(path)}.")
        for root, present in folders.items():
            if root.resolve() not in seen:
                seen.add(root.resolve())
                sections[f"mount_{len(sections)}"] = {"base_path": str(root), **{k: f"{k}/" for k in present}}
    return sections


def _usual(layout: Layout) -> list[Path]:
    return [layout.workspace, *map(Path, MOUNTS)]


def _from_environment(environment: Mapping[str, str]) -> list[Path]:
    parts = environment.get("EXTRA_MODEL_PATHS", "").split(",")
    return [Path(part.strip()) for part in parts if part.strip()]


def _chosen(layout: Layout, report: Report) -> list[Path]:
    """`{"paths": ["/mnt/x"]}`, written by the control plane."""
    file = layout.state / CHOSEN
    try:
        return [Path(path) for path in json.loads(file.read_bytes())["paths"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError):
        report.note(f'{file} is ignored. Its content must be {{"paths": ["/a/folder"]}}.')
        return []


def _folders_in(path: Path, kinds: Iterable[str]) -> dict[Path, list[str]]:
    try:
        return model_folders(path, kinds) if path.is_absolute() else {}
    except OSError:
        return {}


def _why_not(path: Path) -> str:
    if not path.is_absolute():
        return "it must begin with /"
    try:
        if not path.exists():
            return "it does not exist"
        if not path.is_dir():
            return "it is not a folder"
        next(path.iterdir(), None)
    except OSError as error:
        return error.strerror or str(error)
    return "it has no folder such as checkpoints or loras"


def _names(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in folder.iterdir() if entry.is_dir()}
    except OSError:
        return set()


def _nodes_section(folder: Path) -> dict[str, str | bool]:
    try:
        next(folder.iterdir(), None)
    except OSError:
        return {}
    return {"base_path": str(folder.parent), "custom_nodes": folder.name}


def _missing_nodes(layout: Layout, place: Place) -> Path | None:
    """Link the baked nodes that the user does not have, so that none is loaded twice."""
    if not layout.baked_nodes.is_dir():
        return None
    offered = layout.run / "nodes"
    offered.mkdir(exist_ok=True)
    for link in offered.iterdir():
        link.unlink()
    own = {_normalised(name) for folder in place.custom_nodes for name in _own_nodes(folder)}
    for node in sorted(layout.baked_nodes.iterdir()):
        if _normalised(node.name) not in own:
            (offered / node.name).symlink_to(node)
    return offered


def _normalised(name: str) -> str:
    """Return the name without case, kind of dash, version and `.disabled`, so that copies of one node are equal."""
    return re.sub(r"[-_]+", "-", name.lower().partition("@")[0].removesuffix(".disabled"))


def _own_nodes(folder: Path) -> set[str]:
    """Include nodes that Manager moved to `.disabled`: the image must not bring a disabled node back."""
    return _names(folder) | _names(folder / ".disabled")


def _write(path: Path, sections: Sections) -> Path:
    path.write_text(yaml.safe_dump(sections, sort_keys=False))
    return path
