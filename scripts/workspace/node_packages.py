"""Which packages the user's nodes need, and which of them a venv still has to install.

A venv that comes up again, or for the first time, is compared with what is wanted: the needs of the nodes on the volume
that it has not seen yet, and what else the venv used before it holds. What is missing is written down in it before
anything is installed, so that a kill at any time loses nothing.
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

from scripts.workspace.report import write_json
from scripts.workspace.thin_venv import package_infos

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


def pending_for(custom_nodes: Path, venv: Path | None, previous: Path | None, image_venv: Path) -> Pending:
    """What a venv lacks: the needs of nodes that are new to it, and what `previous` holds besides the image's packages.

    Without a venv, what a new one will lack.
    """
    seen = _seen_by(venv) if venv else {}
    pending = load_pending(venv) if venv else Pending()
    new = {name for name, needs in needs_of(custom_nodes).items() if seen.get(name) != needs}
    packages = own_packages(previous, image_venv) if previous else []
    lacking = missing(packages, venv) if venv else packages
    return Pending(
        nodes=sorted(new | set(pending.nodes)),
        packages=list(dict.fromkeys([*pending.packages, *lacking])),
    )


def needs_of(custom_nodes: Path) -> dict[str, str]:
    """A digest of what each node that needs anything asks for."""
    return {node.name: _digest(node) for node in nodes_in(custom_nodes) if requirements_of(node)}


def remember_nodes(venv: Path, needs: Mapping[str, str]) -> None:
    """They have been used with this venv, which therefore has what they need, or never will."""
    write_json(_record_of_nodes(venv), needs)


def _seen_by(venv: Path) -> dict[str, str]:
    try:
        return dict(json.loads(_record_of_nodes(venv).read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}


def _record_of_nodes(venv: Path) -> Path:
    """Beside it, because the image that writes this leaves the venvs of others alone."""
    return venv.with_name(f"{venv.name}.nodes.json")


def _digest(node: Path) -> str:
    needs = "\n".join(requirements_of(node)).encode()
    with suppress(OSError):
        needs += (node / "requirements.txt").read_bytes()
    return hashlib.sha256(needs).hexdigest()


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
        for info in sorted(venv.glob("lib/python3*/site-packages/*.dist-info"))
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
