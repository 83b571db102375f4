"""What is written beside the volume, and how it outlives the pod all the same.

ComfyUI's own folders lie on the volume. Nodes of the image write beside their code, tools into the home folder, and
both would end with the container: where they write is a link to the volume instead. The links are the container's, so
pods of different images can share a volume. Libraries that ask are told to keep what they download in the cache.
"""

import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.workspace.layout import Layout, Place
from scripts.workspace.node_packages import nodes_in
from scripts.workspace.report import Report

# Variables of installers and of libraries that download models, and the folder of each in the cache.
CACHES = {
    "UV_CACHE_DIR": "uv",
    "PIP_CACHE_DIR": "pip",
    "HF_HOME": "huggingface",
    "TORCH_HOME": "torch",
    "U2NET_HOME": "u2net",
    "TRANSPARENT_BACKGROUND_FILE_PATH": "transparent-background",
}
# Tools of `dev` images, and what of the home folder is theirs. Sockets and logs stay in the container.
TOOLS = {
    "code-server": (".local/share/code-server/User/", ".local/share/code-server/extensions/"),
    "jupyter": (".jupyter/",),
}
# Saves workflows beside ComfyUI's code, whether it is the image's node or the user's own.
CUSTOM_SCRIPTS = "ComfyUI-Custom-Scripts"
ITS_WORKFLOWS = "pysssss-workflows"


@dataclass(frozen=True)
class Kept:
    """`written` in the container becomes a link to `lies`."""

    written: Path
    lies: Path
    is_folder: bool = True


def caches(place: Place, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that their owner has not set."""
    return {name: str(place.cache / folder) for name, folder in CACHES.items() if not environment.get(name)}


def keep(layout: Layout, place: Place, report: Report) -> None:
    for kept in _all_kept(layout, place):
        try:
            _link(kept)
        except OSError as error:
            report.note(
                f"What is written to {kept.written} ends with the pod, because it cannot be linked to {kept.lies}: "
                f"{error.strerror or error}."
            )


def _all_kept(layout: Layout, place: Place) -> Iterator[Kept]:
    baked = layout.facts()["nodes"]
    for node in baked:
        folder, lies = layout.baked_nodes / node["name"], place.state / "nodes" / node["name"]
        for name in node.get("writes", []):  # a folder's ends in a slash
            yield Kept(folder / name, lies / name, name.endswith("/"))
    own = {node.name for nodes in place.custom_nodes for node in nodes_in(nodes)}
    if CUSTOM_SCRIPTS.lower() in {name.lower() for name in own | {node["name"] for node in baked}}:
        yield Kept(layout.spare / "ComfyUI" / ITS_WORKFLOWS, place.base / ITS_WORKFLOWS)
    for tool, names in TOOLS.items():
        if (layout.tools / tool).is_dir():
            for name in names:
                yield Kept(layout.home / name, place.state / "tools" / tool / Path(name).name)


def _link(kept: Kept) -> None:
    """What lies there already goes first; what the image ships is added to it."""
    written, lies = kept.written, kept.lies
    (lies if kept.is_folder else lies.parent).mkdir(parents=True, exist_ok=True)
    if written.is_symlink() and written.readlink() == lies:
        return
    shipped = written.with_name(f"{written.name}.shipped")
    if written.exists() and not written.is_symlink():
        _add(written, shipped)
        shutil.rmtree(written) if written.is_dir() else written.unlink()
    if shipped.exists():
        _add(shipped, lies)
    written.unlink(missing_ok=True)
    written.parent.mkdir(parents=True, exist_ok=True)
    written.symlink_to(lies)


def _add(source: Path, target: Path) -> None:
    """Only what is not there. The original stays until all of it is copied, so a kill loses nothing."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, copy_function=_copy_if_absent)
    else:
        _copy_if_absent(str(source), str(target))


def _copy_if_absent(source: str, target: str) -> None:
    if not Path(target).exists():
        making = Path(f"{target}.{uuid.uuid4().hex}")  # two pods may be at it
        shutil.copy2(source, making)
        making.replace(target)
