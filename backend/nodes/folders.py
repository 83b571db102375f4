"""Reads the folders of custom nodes without running git: a list must not cost a process per node."""

import configparser
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from backend.nodes.models import CustomNode, Origin

DISABLED = ".disabled"
LARGEST_FILE = 2**18
COMMIT = re.compile(r"[0-9a-f]{40}")


def read_nodes(custom_nodes: Path, baked: Path) -> list[CustomNode]:
    """Return the nodes on the volume, enabled and disabled, and those of the image that none on the volume replaces."""
    found = [_node_of(path, name, enabled=enabled) for path, name, enabled in _entries(custom_nodes)]
    names = {node.name.lower() for node in found}
    of_image = [
        CustomNode(name=name, origin=Origin.IMAGE, enabled=True, version=_project_version(path))
        for path, name, enabled in _entries(baked)
        if enabled and name.lower() not in names
    ]
    return sorted([*found, *of_image], key=lambda node: node.name.lower())


def _entries(folder: Path) -> Iterator[tuple[Path, str, bool]]:
    """Yield path, name, and whether ComfyUI loads it, by the rules of ComfyUI and its Manager."""
    for path in _visible(folder):
        if path.name.endswith(DISABLED):
            yield path, path.name.removesuffix(DISABLED), False
        elif path.is_dir() or path.suffix == ".py":
            yield path, path.name, True
    for path in _visible(folder / DISABLED):
        yield path, path.name.rpartition("@")[0] or path.name, False


def _visible(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith((".", "__"))]
    except OSError:
        return []


def _node_of(path: Path, name: str, *, enabled: bool) -> CustomNode:
    git = path / ".git"
    if git.exists():
        commit, branch = _head(git)
        return CustomNode(
            name=name,
            origin=Origin.GIT,
            enabled=enabled,
            version=commit,
            branch=branch,
            repository=_origin_url(git),
        )
    version = _project_version(path)
    if version and (path / ".tracking").is_file():
        return CustomNode(name=name, origin=Origin.REGISTRY, enabled=enabled, version=version)
    return CustomNode(name=name, origin=Origin.FOLDER, enabled=enabled, version=version)


def _head(git: Path) -> tuple[str, str]:
    """Return commit and branch."""
    head = _text(git / "HEAD").strip()
    if COMMIT.fullmatch(head):
        return head, ""
    reference = head.removeprefix("ref: ")
    if not reference.startswith("refs/heads/") or ".." in reference:
        return "", ""
    commit = _text(git / reference).strip() or _packed(git, reference)
    return (commit if COMMIT.fullmatch(commit) else ""), reference.removeprefix("refs/heads/")[:100]


def _packed(git: Path, reference: str) -> str:
    for line in _text(git / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if name == reference:
            return commit
    return ""


def _origin_url(git: Path) -> str:
    """Return the URL of the remote `origin`, without a password."""
    config = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    with suppress(configparser.Error):
        config.read_string("\n".join(line.strip() for line in _text(git / "config").splitlines()))
    url = config.get('remote "origin"', "url", fallback="") or ""
    return re.sub(r"//[^/@]*@", "//", url)[:500]


def _project_version(path: Path) -> str:
    try:
        version = tomllib.loads(_text(path / "pyproject.toml"))["project"]["version"]
    except (ValueError, KeyError, TypeError):
        return ""
    return version[:50] if isinstance(version, str) else ""


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE).decode(errors="replace")
    except OSError:
        return ""
