"""What `docker buildx bake` would build, and building it with stand-ins."""

import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]

VARIANTS = ("minimal", "standard", "full", "dev")
ACCELERATORS = ("12-6", "12-8", "13-0", "cpu")
TARGETS = tuple(f"{variant}-{accelerator}" for variant in VARIANTS for accelerator in ACCELERATORS)

Target = dict[str, Any]


def print_targets(*names: str, **variables: str) -> dict[str, Target]:
    """Return the targets that bake makes of the names, with variables set in the environment."""
    printed = subprocess.run(
        ["docker", "buildx", "bake", "--print", *names],
        cwd=ROOT,
        env=os.environ | variables,
        check=True,
        capture_output=True,
        text=True,
    )
    targets: dict[str, Target] = json.loads(printed.stdout)["target"]
    return targets


@functools.cache
def build_with_standins(target: str, **variables: str) -> str:
    """Build a target as a machine without GitHub does, and return the image's name.

    VERSION in the environment is part of that name, so that two checkouts do not overwrite each other's images.
    """
    variant, accelerator = target.split("-", 1)
    built = subprocess.run(
        ["scripts/dev/image.sh", variant, accelerator],
        cwd=ROOT,
        env=os.environ | {"STANDINS": "1", "PROGRESS": "plain"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        raise RuntimeError(f"{target} does not build:\n{built.stderr[-4000:]}")
    return built.stdout.strip()
