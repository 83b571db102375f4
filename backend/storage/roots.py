"""The folders in which ComfyUI looks for models."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from backend.core.model_folders import current_name
from backend.core.safe_yaml import read_yaml

Root = tuple[str, Path]


def roots_of(models: Path, path_files: Iterable[Path]) -> list[Root]:
    """Return (ComfyUI's name of the folder, its path), the workspace's own folders first."""
    roots: list[Root] = []
    with contextlib.suppress(OSError):  # missing or not readable
        roots += [
            (current_name(entry.name), entry) for entry in sorted(models.iterdir()) if _is_folder(entry)
        ]
    for path_file in path_files:
        roots += _roots_in(path_file)
    return roots


def _roots_in(path_file: Path) -> Iterator[Root]:
    """Yield the folders of an `extra_model_paths.yaml`; none if the file is missing or invalid."""
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


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a loop of links, on some file systems
        return False
