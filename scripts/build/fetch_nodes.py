#!/usr/bin/env python3
"""fetch_nodes.py LIST FOLDER: fetch each node of a list (images/nodes/*.toml) at its commit, without history.

No code of a node runs: its install script is ignored, and its packages come from the variant's lock.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def fetch(node: dict[str, str], folder: Path) -> None:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    git(folder, "fetch", "--quiet", "--depth", "1", node["repository"], node["commit"])
    git(folder, "checkout", "--quiet", "FETCH_HEAD")
    if node.get("submodules"):
        git(folder, "submodule", "update", "--quiet", "--init", "--recursive", "--depth", "1")
    for history in folder.rglob(".git"):
        shutil.rmtree(history) if history.is_dir() else history.unlink()


def main() -> None:
    nodes = tomllib.loads(Path(sys.argv[1]).read_text())["node"]
    for node in nodes:
        print(f"{node['name']} at {node['commit']}", flush=True)
        fetch(node, Path(sys.argv[2]) / node["name"])


if __name__ == "__main__":
    main()
