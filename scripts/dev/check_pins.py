#!/usr/bin/env python3
"""docker buildx bake --print all | check_pins.py [LOCKS]: check that every pinned package can still be downloaded.

For each lock of the folder LOCKS (default images/locks) uv looks up a file of every package for the image's Python; the
torch sets on the indexes that docker-bake.hcl names. Nothing is downloaded, so the build alone compares hashes.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

IMAGE_PYTHON = ("--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_28")


def main() -> int:
    locks = Path(sys.argv[1] if len(sys.argv) > 1 else "images/locks")
    indexes = torch_indexes(json.load(sys.stdin))
    missing = {
        lock.name: complaint for lock in sorted(locks.glob("*.txt")) if (complaint := look_up(lock, indexes))
    }
    for name, complaint in missing.items():
        print(f"{name}: {complaint}", file=sys.stderr)
    if missing:
        print("Compile these locks again (scripts/dev/lock-images.sh) before a release.", file=sys.stderr)
    return 1 if missing else 0


def torch_indexes(bake: dict[str, Any]) -> dict[str, str]:
    """Return the index of each torch lock, by the lock's file name."""
    arguments = [target["args"] for target in bake["target"].values()]
    return {f"torch-{args['ACCELERATOR']}.txt": args["TORCH_INDEX"] for args in arguments}


def look_up(lock: Path, indexes: dict[str, str]) -> str:
    """Return what uv says about packages that it does not find; empty when it finds all of them."""
    hashes = ["--require-hashes"] if "--hash=" in lock.read_text() else []
    index = indexes.get(lock.name)
    with tempfile.TemporaryDirectory() as target:
        command = [
            *("uv", "pip", "install", "--dry-run", "--quiet", "--no-deps", *hashes, *IMAGE_PYTHON),
            *("--target", target, "--requirement", str(lock), *(["--index", index] if index else [])),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else " ".join(done.stderr.split())


if __name__ == "__main__":
    sys.exit(main())
