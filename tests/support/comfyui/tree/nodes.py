"""Loads custom nodes from every custom_nodes folder. One that cannot be imported is named and left out."""

import importlib.util
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from folder_paths import FolderPaths

# Node types of ComfyUI's own: their file menus and the folder of each, then everything else they take.
CORE_TYPES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "CheckpointLoaderSimple": ({"ckpt_name": "checkpoints"}, {}),
    "UNETLoader": ({"unet_name": "diffusion_models"}, {"weight_dtype": [["default", "fp8_e4m3fn"], {}]}),
    "CLIPLoader": ({"clip_name": "text_encoders"}, {"type": [["stable_diffusion", "flux"], {}]}),
    "VAELoader": ({"vae_name": "vae"}, {}),
    "LoraLoaderModelOnly": ({"lora_name": "loras"}, {"strength_model": ["FLOAT", {"default": 1.0}]}),
    "CLIPTextEncode": ({}, {"text": ["STRING", {"multiline": True}]}),
    "KSampler": ({}, {"seed": ["INT", {"default": 0}], "steps": ["INT", {"default": 20}]}),
    "SaveImage": ({}, {"filename_prefix": ["STRING", {"default": "ComfyUI"}]}),
}
# Node types of installed packages, and the package of each.
CUSTOM_TYPES: dict[str, str] = {}


def describe(paths: FolderPaths) -> dict[str, Any]:
    """`/object_info`: menus list the files that are there this moment."""
    described = {}
    for name, (menus, rest) in CORE_TYPES.items():
        files = {widget: [paths.names(folder) or [], {}] for widget, folder in menus.items()}
        described[name] = _info(name, "nodes", files | rest)
    for name, package in CUSTOM_TYPES.items():
        described[name] = _info(name, f"custom_nodes.{package}", {})
    return described


def _info(name: str, module: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"input": {"required": inputs}, "name": name, "python_module": module, "output": []}


def load_custom_nodes(folders: list[Path], only: list[str] | None = None) -> list[str]:
    loaded = []
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if not (path / "__init__.py").is_file() or path.name.endswith(".disabled"):
                continue
            if only is not None and path.name not in only:
                print(f"Skipping {path.name} due to disable_all_custom_nodes and whitelist_custom_nodes")
                continue
            loaded += [path.name] if load(path) else []
    return loaded


def load(path: Path) -> bool:
    began = time.perf_counter()
    spec = importlib.util.spec_from_file_location(path.name.replace("-", "_"), path / "__init__.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception:
        traceback.print_exc()
        print(f"Cannot import {path} module for custom nodes: see above")
        print(f"{time.perf_counter() - began:7.1f} seconds (IMPORT FAILED): {path}")
        return False
    for name in getattr(module, "NODE_CLASS_MAPPINGS", {}):
        CUSTOM_TYPES[name] = path.name
    print(f"{time.perf_counter() - began:7.1f} seconds: {path}")
    return True
