"""The folders in which ComfyUI looks for models, and the files in them."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from backend.core.model_folders import current_name
from backend.core.safe_yaml import read_yaml
from backend.storage.models import ModelFile

# Beside the models in ComfyUI's folders: its own placeholders, and files that have not arrived yet.
NOT_MODELS = (".part", ".partial", ".crdownload", ".download", ".tmp", ".aria2")

Root = tuple[str, Path]


def roots_of(models: Path, path_files: Iterable[Path]) -> list[Root]:
    """(ComfyUI's name of the folder, where it is), the workspace's own folders first."""
    roots: list[Root] = []
    if models.is_dir():
        roots += [(current_name(entry.name), entry) for entry in sorted(models.iterdir()) if entry.is_dir()]
    for path_file in path_files:
        roots += _roots_in(path_file)
    return roots


def _roots_in(path_file: Path) -> Iterator[Root]:
    """What an `extra_model_paths.yaml` adds. One that is no plain YAML adds nothing."""
    try:
        sections = read_yaml(path_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return
    for section in sections.values() if isinstance(sections, dict) else ():
        if isinstance(section, dict):
            yield from _roots_of_section(section, path_file.parent)


def _roots_of_section(section: dict[str, Any], default_base: Path) -> Iterator[Root]:
    base = default_base / Path(str(section.get("base_path") or default_base)).expanduser()
    for kind, folders in section.items():
        if kind not in ("base_path", "is_default", "custom_nodes") and isinstance(folders, str):
            yield from ((current_name(kind), base / line.strip()) for line in folders.splitlines())


def files_below(roots: Iterable[Root]) -> Iterator[ModelFile]:
    """Every model file once, even where links or several roots lead to it twice."""
    seen: set[str] = set()
    for kind, root in roots:
        for parent, folders, names in os.walk(root, followlinks=True):
            real = os.path.realpath(parent)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            below = Path(parent).relative_to(root).as_posix()
            folder = kind if below == "." else f"{kind}/{below}"
            for name in names:
                file = look_at(Path(parent, name), folder)
                if file:
                    yield file


def look_at(path: Path, folder: str) -> ModelFile | None:
    """The model file at `path`; None for what is no model, is empty, or has vanished."""
    name = path.name
    if name.startswith((".", "put_")) or name.endswith(NOT_MODELS) or not _can_be_told(path):
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    if not path.is_file() or status.st_size == 0:
        return None
    return ModelFile(
        path=path, folder=folder, bytes=status.st_size, mtime_ns=status.st_mtime_ns, inode=status.st_ino
    )


def _can_be_told(path: Path) -> bool:
    """False for a name that is not UTF-8: ComfyUI cannot tell a browser of such a file either."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
