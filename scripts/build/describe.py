#!/usr/bin/env python3
"""describe.py FOLDER --nodes LISTS: write the description of the image.

FOLDER/image.json       facts for the boot code and the control plane
FOLDER/constraints.txt  pins of every package, so that no custom node replaces one

The venv gets its lock id, by which it is recognised after Docker has copied it to a volume.
"""

import argparse
import datetime as dt
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

VENV = Path("/workspace/venv")
SPARE_VENV = Path("/opt/spare/venv")
# The same name as in scripts/workspace/overlay_venv.py
MARKER = ".comfypod-lock-id"
BAKED_NODES = Path("/opt/nodes")
LISTS = {"minimal": [], "standard": ["standard"], "full": ["standard", "full"], "dev": ["standard", "full"]}


def installed_packages() -> dict[str, str]:
    site_packages = next(VENV.glob("lib/python3.*/site-packages"))
    found = importlib.metadata.distributions(path=[str(site_packages)])
    return dict(sorted((dist.name.lower().replace("_", "-"), dist.version) for dist in found))


def lock_id(packages: dict[str, str]) -> str:
    """Return the name of this set of packages for this Python. A venv on a volume belongs to one."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    pins = "\n".join(f"{name}=={version}" for name, version in packages.items())
    return f"py{python}-{hashlib.sha256(pins.encode()).hexdigest()[:12]}"


def baked_nodes(variant: str, lists: Path) -> list[dict[str, Any]]:
    nodes = [
        node
        for name in LISTS[variant]
        for node in tomllib.loads((lists / f"{name}.toml").read_text())["node"]
    ]
    absent = [node["name"] for node in nodes if not (BAKED_NODES / node["name"]).is_dir()]
    if absent:
        sys.exit(f"Not in {BAKED_NODES}, though images/nodes lists them: {', '.join(absent)}")
    keys = ("name", "repository", "commit", "licence", "writes")
    return [
        {key: node[key] for key in keys if key in node} | {"path": str(BAKED_NODES / node["name"])}
        for node in nodes
    ]


def architectures(accelerator: str) -> list[str]:
    """Return the architectures for which PyTorch has code. `torch.cuda.get_arch_list` would need a GPU."""
    if accelerator == "cpu":
        return []
    program = "import torch; print(torch._C._cuda_getArchFlags())"
    asked = subprocess.run(
        [VENV / "bin" / "python", "-c", program], check=True, capture_output=True, text=True
    )
    return asked.stdout.split()


def built_at() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    when = dt.datetime.fromtimestamp(int(epoch), dt.UTC) if epoch else dt.datetime.now(dt.UTC)
    return when.isoformat(timespec="seconds")


def facts(packages: dict[str, str], lists: Path) -> dict[str, object]:
    variant, accelerator = os.environ["VARIANT"], os.environ["ACCELERATOR"]
    return {
        "variant": variant,
        "accelerator": accelerator,
        "cuda": None if accelerator == "cpu" else accelerator.replace("-", "."),
        "architectures": architectures(accelerator),
        "comfyui": {"tag": os.environ["COMFYUI_TAG"], "commit": os.environ["COMFYUI_COMMIT"]},
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "lock_id": lock_id(packages),
        "torch": packages["torch"],
        "manager": packages.get("comfyui-manager"),
        "nodes": baked_nodes(variant, lists),
        "built": built_at(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nodes", type=Path, required=True, metavar="LISTS")
    arguments = parser.parse_args()

    packages = installed_packages()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    image = json.dumps(facts(packages, arguments.nodes), indent=2)
    (arguments.folder / "image.json").write_text(image + "\n")
    pins = "".join(f"{name}=={version}\n" for name, version in packages.items())
    (arguments.folder / "constraints.txt").write_text(pins)
    (VENV / MARKER).write_text(lock_id(packages))
    os.link(VENV / MARKER, SPARE_VENV / MARKER)


if __name__ == "__main__":
    main()
