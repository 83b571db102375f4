"""Which packages the user's nodes need, and which of them a venv still has to install.

A new venv starts with the image's packages alone. What the nodes on the volume ask for, and what else the venv before
it held, is written down in the new one before anything is installed, so that a kill at any time loses nothing.
"""

import csv
import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.workspace.report import write_json
from scripts.workspace.thin_venv import package_infos, site_packages

RECORD = "comfypod-pending.json"


@dataclass(kw_only=True)
class Pending:
    """What is still to be installed. `packages` are requirements such as `name==1.0`."""

    nodes: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)

    def save(self, venv: Path) -> None:
        write_json(venv / RECORD, {"nodes": self.nodes, "packages": self.packages})


def load_pending(venv: Path) -> Pending:
    try:
        content = json.loads((venv / RECORD).read_bytes())
        return Pending(nodes=list(content["nodes"]), packages=list(content["packages"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Pending()


def pending_for(custom_nodes: Iterable[Path], previous: Path | None, image_venv: Path) -> Pending:
    """What a new venv lacks: the needs of every node, and what the venv before it held besides the image's packages."""
    nodes = {node.name for folder in custom_nodes for node in nodes_in(folder) if requirements_of(node)}
    packages = own_packages(previous, image_venv) if previous else []
    return Pending(nodes=sorted(nodes), packages=packages)


def nodes_in(folder: Path) -> list[Path]:
    """Nodes that ComfyUI would load: packages and single files, neither hidden nor disabled."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        entry
        for entry in entries
        if not entry.name.startswith((".", "__")) and entry.suffix != ".disabled" and _is_module(entry)
    ]


def requirements_of(node: Path) -> list[str]:
    """The installer's arguments; empty for a node that needs nothing, or whose needs cannot be read."""
    listed = node / "requirements.txt"
    if listed.is_file():
        return ["--requirement", str(listed)]
    try:
        project = tomllib.loads((node / "pyproject.toml").read_text())["project"]
        return [str(requirement) for requirement in project["dependencies"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def own_packages(venv: Path, image_venv: Path) -> list[str]:
    """Requirements for what was installed into a venv itself and is not one of the image's packages."""
    of_image = {normalised(info.partition("-")[0]) for info in package_infos(image_venv)}
    return [
        _requirement(info)
        for info in sorted(site_packages(venv).glob("*.dist-info"))
        if normalised(info.name.partition("-")[0]) not in of_image and _is_here(info)
    ]


def missing(packages: Iterable[str], venv: Path) -> list[str]:
    """Those of the requirements whose package is not in the venv in any version."""
    there = {normalised(info.partition("-")[0]) for info in package_infos(venv)}
    return [
        requirement
        for requirement in packages
        if normalised(re.split(r"==| @ ", requirement)[0]) not in there
    ]


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_module(entry: Path) -> bool:
    return entry.is_dir() or entry.suffix == ".py"


def _is_here(info: Path) -> bool:
    """A borrowed package has its records here and its files elsewhere. One file tells."""
    try:
        with (info / "RECORD").open(newline="") as record:
            paths = (row[0] for row in csv.reader(record) if row)
            file = next(path for path in paths if not path.startswith(("..", "/", info.name)))
    except (OSError, StopIteration, ValueError, csv.Error):
        return False
    return (info.parent / file).exists()


def _requirement(info: Path) -> str:
    name, _, version = info.name.removesuffix(".dist-info").partition("-")
    origin = _origin(info)
    return f"{normalised(name)} @ {origin}" if origin else f"{normalised(name)}=={version}"


def _origin(info: Path) -> str | None:
    """The address of a package that did not come from an index (PEP 610)."""
    try:
        direct: dict[str, Any] = json.loads((info / "direct_url.json").read_bytes())
        if "vcs_info" in direct:
            return f"{direct['vcs_info']['vcs']}+{direct['url']}@{direct['vcs_info']['commit_id']}"
        return str(direct["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
