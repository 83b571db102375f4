"""Custom nodes as folders, named as ComfyUI and its Manager name them: `NAME`, `NAME.disabled`, `.disabled/NAME@VERSION`."""

import shutil
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from scripts.nodes.errors import NodeError

DISABLED = ".disabled"
# Manager's scanner skips it, too.
TRASH = ".trash"
REPLACING = ".replacing.disabled"
TRACKING = ".tracking"


def find(custom_nodes: Path, name: str) -> Path:
    """Return the folder or file of a node, enabled or not. Raise NodeError when there is none."""
    for path in (custom_nodes / name, *disabled_forms(custom_nodes, name)):
        if path.exists() or path.is_symlink():
            return path
    raise NodeError(f"No custom node named {name}. `comfypod nodes ls` shows all.")


def disabled_forms(custom_nodes: Path, name: str) -> Iterator[Path]:
    """Yield the paths that a disabled node may have."""
    yield custom_nodes / f"{name}.disabled"
    yield custom_nodes / DISABLED / name
    with suppress(OSError):
        for entry in sorted((custom_nodes / DISABLED).iterdir()):
            if entry.name.rpartition("@")[0] == name:
                yield entry


def disable(custom_nodes: Path, name: str) -> None:
    """Move a node where neither ComfyUI nor a later start loads it."""
    node = custom_nodes / name
    if not node.exists():
        find(custom_nodes, name)
        raise NodeError(f"{name} is disabled already.")
    if not node.is_dir():  # one file; Manager knows only this form
        _rename(node, node.with_name(f"{name}.disabled"))
        return
    version = registry_version(node)
    target = custom_nodes / DISABLED / (f"{name}@{version.replace('.', '_')}" if version else name)
    target.parent.mkdir(exist_ok=True)
    _rename(node, target)


def enable(custom_nodes: Path, name: str) -> None:
    """Give a disabled node its name again."""
    node = find(custom_nodes, name)
    if node == custom_nodes / name:
        raise NodeError(f"{name} is enabled already.")
    _rename(node, custom_nodes / name)


def remove(custom_nodes: Path, name: str) -> None:
    """Delete a node. It is complete, or gone: a kill leaves the rest in the trash, which the next operation empties."""
    node = find(custom_nodes, name)
    if node.is_symlink():
        node.unlink()
        return
    discard(custom_nodes, node)


def discard(custom_nodes: Path, folder: Path) -> None:
    trash = custom_nodes / DISABLED / TRASH
    trash.mkdir(parents=True, exist_ok=True)
    _rename(folder, trash / f"{folder.name}-{time.time_ns()}")
    empty_trash(custom_nodes)


def empty_trash(custom_nodes: Path) -> None:
    shutil.rmtree(custom_nodes / DISABLED / TRASH, ignore_errors=True)


def replace(custom_nodes: Path, draft: Path, name: str) -> None:
    """Put a complete draft in the place of a node. A kill in between is completed by `recover`."""
    ready = custom_nodes / f".{name}{REPLACING}"
    _rename(draft, ready)
    discard(custom_nodes, custom_nodes / name)
    _rename(ready, custom_nodes / name)


def recover(custom_nodes: Path) -> None:
    """Complete or undo what a killed operation has left."""
    for ready in custom_nodes.glob(f".*{REPLACING}"):
        target = custom_nodes / ready.name.removeprefix(".").removesuffix(REPLACING)
        if target.exists():
            shutil.rmtree(ready, ignore_errors=True)
        else:
            _rename(ready, target)
    empty_trash(custom_nodes)


def registry_version(node: Path) -> str:
    """Return the version of a node that came from the registry; empty for others."""
    if not (node / TRACKING).is_file():
        return ""
    try:
        version = tomllib.loads((node / "pyproject.toml").read_text())["project"]["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return version if isinstance(version, str) else ""


def _rename(source: Path, target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise NodeError(f"{target} exists already. Remove or rename it first.")
    try:
        source.rename(target)
    except OSError as error:
        raise NodeError(f"{source.name} cannot be moved: {error.strerror}.") from None
