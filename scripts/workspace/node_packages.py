"""Finds the packages that the user's nodes need and that a venv does not have yet.

A venv that another one was used before is compared with two lists: the requirements of nodes that are new to it, and the
user's own packages in the other venv. The missing ones are recorded in the venv before the first is installed, so that a
kill at any time loses nothing.
"""

import csv
import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.workspace.overlay_venv import normalised, package_infos, package_name
from scripts.workspace.report import write_json

RECORD = "comfypod-pending.json"


@dataclass(kw_only=True)
class Pending:
    """Nodes and packages that are still to be installed. `packages` are requirements such as `name==1.0`."""

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


def pending_for(custom_nodes: Path, venv: Path | None, previous: Path | None, image_venv: Path) -> Pending:
    """Return what a venv lacks: requirements of nodes that are new to it, and the user's packages in `previous`.

    Without a venv, return what a new one will lack.
    """
    seen = _nodes_of(venv) if venv else {}
    pending = load_pending(venv) if venv else Pending()
    new = {name for name, needs in needs_of(custom_nodes).items() if seen.get(name) != needs}
    packages = own_packages(previous, image_venv) if previous else []
    lacking = missing(packages, venv) if venv else packages
    return Pending(
        nodes=sorted(new | set(pending.nodes)),
        packages=list(dict.fromkeys([*pending.packages, *lacking])),
    )


def needs_of(custom_nodes: Path) -> dict[str, str]:
    """Return a digest of the requirements of each node that has any."""
    return {node.name: _digest(node) for node in nodes_in(custom_nodes) if requirements_of(node)}


def remember_nodes(venv: Path, needs: Mapping[str, str]) -> None:
    """Record the nodes that were used with this venv: it has their packages, or cannot have them."""
    write_json(_record_of_nodes(venv), needs)


def _nodes_of(venv: Path) -> dict[str, str]:
    try:
        return dict(json.loads(_record_of_nodes(venv).read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}


def _record_of_nodes(venv: Path) -> Path:
    """The record is beside the venv, because an image does not write into the venvs of others."""
    return venv.with_name(f"{venv.name}.nodes.json")


def _digest(node: Path) -> str:
    needs = "\n".join(requirements_of(node)).encode()
    with suppress(OSError):
        needs += (node / "requirements.txt").read_bytes()
    return hashlib.sha256(needs).hexdigest()


def nodes_in(folder: Path) -> list[Path]:
    """Return the nodes that ComfyUI would load: packages and single files, neither hidden nor disabled."""
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
    """Return the installer's arguments; empty for a node without requirements, or with some that cannot be read."""
    listed = node / "requirements.txt"
    if listed.is_file():
        return ["--requirement", str(listed)]
    try:
        project = tomllib.loads((node / "pyproject.toml").read_text())["project"]
        return [str(requirement) for requirement in project["dependencies"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def own_packages(venv: Path, image_venv: Path) -> list[str]:
    """Return requirements for the packages that are in the venv itself and not in the image."""
    of_image = {package_name(info) for info in package_infos(image_venv)}
    return [
        _requirement(info)
        for info in sorted(venv.glob("lib/python3*/site-packages/*.dist-info"))
        if package_name(info.name) not in of_image and _has_files(info)
    ]


def missing(packages: Iterable[str], venv: Path) -> list[str]:
    """Return the requirements whose package is not in the venv in any version."""
    installed = {package_name(info) for info in package_infos(venv)}
    return [
        requirement
        for requirement in packages
        if normalised(re.split(r"==| @ ", requirement)[0]) not in installed
    ]


def _is_module(entry: Path) -> bool:
    return entry.is_dir() or entry.suffix == ".py"


def _has_files(info: Path) -> bool:
    """Return whether the package itself is in this venv. One of the image has only its record here."""
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
    """Return the address of a package that did not come from an index (PEP 610)."""
    try:
        direct: dict[str, Any] = json.loads((info / "direct_url.json").read_bytes())
        if "vcs_info" in direct:
            return f"{direct['vcs_info']['vcs']}+{direct['url']}@{direct['vcs_info']['commit_id']}"
        return str(direct["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
