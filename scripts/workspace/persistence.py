"""Keeps files that are written outside the volume.

ComfyUI's own folders are on the volume. Nodes of the image write beside their code, tools into the home folder, and
both end with the container, so these paths become links to the volume. The links belong to the container, so pods of
different images can share a volume. Libraries get variables that put their downloads into the cache on the volume.
"""

import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.workspace.layout import Layout, Place
from scripts.workspace.node_packages import nodes_in
from scripts.workspace.report import Report

# Variables of installers, of compilers and of libraries that download models, and the folder of each in the cache.
CACHES = {
    "UV_CACHE_DIR": "uv",
    "PIP_CACHE_DIR": "pip",
    "HF_HOME": "huggingface",
    "TORCH_HOME": "torch",
    "TORCHINDUCTOR_CACHE_DIR": "torchinductor",
    "TRITON_CACHE_DIR": "triton",
    "U2NET_HOME": "u2net",
    "TRANSPARENT_BACKGROUND_FILE_PATH": "transparent-background",
}
# The image sets the variables for a workspace at its usual place. Such a value is not the owner's choice.
IMAGE_CACHE = Path("/workspace/.comfypod/cache")
# Tools of `dev` images, and their paths in the home folder. Sockets and logs stay in the container.
TOOLS = {
    "code-server": (".local/share/code-server/User/", ".local/share/code-server/extensions/"),
    "jupyter": (".jupyter/",),
}
# Saves workflows beside ComfyUI's code, both as the image's node and as the user's own.
CUSTOM_SCRIPTS = "ComfyUI-Custom-Scripts"
CUSTOM_SCRIPTS_WORKFLOWS = "pysssss-workflows"


@dataclass(frozen=True)
class PersistentPath:
    """`path` in the container becomes a link to `target` on the volume."""

    path: Path
    target: Path
    is_folder: bool = True


def cache_variables(cache: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the caches, without those that the owner of the pod has set."""
    return {
        name: str(cache / folder)
        for name, folder in CACHES.items()
        if environment.get(name) in (None, "", str(IMAGE_CACHE / folder))
    }


def make_paths_persistent(layout: Layout, place: Place, report: Report) -> None:
    for persistent in _persistent_paths(layout, place):
        try:
            _link(persistent)
        except OSError as error:
            report.note(
                f"Files written to {persistent.path} are lost with the pod, because it cannot be linked to "
                f"{persistent.target}: {error.strerror or error}."
            )


def _persistent_paths(layout: Layout, place: Place) -> Iterator[PersistentPath]:
    baked = layout.facts()["nodes"]
    for node in baked:
        folder, target = layout.baked_nodes / node["name"], place.state / "nodes" / node["name"]
        for name in node.get("writes", []):  # the name of a folder ends in a slash
            yield PersistentPath(folder / name, target / name, name.endswith("/"))
    own = {node.name for nodes in place.custom_nodes for node in nodes_in(nodes)}
    if CUSTOM_SCRIPTS.lower() in {name.lower() for name in own | {node["name"] for node in baked}}:
        yield PersistentPath(
            layout.spare / "ComfyUI" / CUSTOM_SCRIPTS_WORKFLOWS, place.base / CUSTOM_SCRIPTS_WORKFLOWS
        )
    for tool, names in TOOLS.items():
        if (layout.tools / tool).is_dir():
            for name in names:
                yield PersistentPath(layout.home / name, place.state / "tools" / tool / Path(name).name)


def _link(persistent: PersistentPath) -> None:
    """Files on the volume come first; those that the image ships are added."""
    path, target = persistent.path, persistent.target
    (target if persistent.is_folder else target.parent).mkdir(parents=True, exist_ok=True)
    if path.is_symlink() and path.readlink() == target:
        return
    shipped = path.with_name(f"{path.name}.shipped")
    if path.exists() and not path.is_symlink():
        _add(path, shipped)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if shipped.exists():
        _add(shipped, target)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def _add(source: Path, target: Path) -> None:
    """Copy the files that `target` lacks. The original stays until all of them are copied, so a kill loses none."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, copy_function=_copy_if_absent)
    else:
        _copy_if_absent(str(source), str(target))


def _copy_if_absent(source: str, target: str) -> None:
    if not Path(target).exists():
        making = Path(f"{target}.{uuid.uuid4().hex}")  # two pods may copy at the same time
        shutil.copy2(source, making)
        making.replace(target)
