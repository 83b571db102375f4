"""Checks a user's own `extra_model_paths.yaml` line by line: one wrong line would keep ComfyUI from starting."""

import os
from pathlib import Path

import yaml

# Name of a section → base_path, is_default and folders by kind, as ComfyUI reads them.
Sections = dict[str, dict[str, str | bool]]

LARGEST = 1 << 20
TEXT = "tag:yaml.org,2002:str"
NULL = "tag:yaml.org,2002:null"


def read_own(path: Path) -> tuple[Sections, list[str]]:
    """Return the usable part of the file with absolute paths, and a message for each line that is skipped."""
    try:
        document = _compose(path)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return {}, [f"{path} is ignored: line {line} is not YAML ({error.problem})."]
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        return {}, [f"{path} is ignored: {error}."]
    if document is None:
        return {}, []
    if not isinstance(document, yaml.MappingNode):
        return {}, [f"{path} is ignored: line {_line(document)} must be the name of a section."]
    return _Reader(path).read(document)


def _compose(path: Path) -> yaml.Node | None:
    if not path.is_file():
        return None
    if path.stat().st_size > LARGEST:
        raise ValueError("it is larger than 1 MiB")
    return yaml.compose(path.read_text(encoding="utf-8"))


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.complaints: list[str] = []

    def read(self, document: yaml.MappingNode) -> tuple[Sections, list[str]]:
        read = {name: self._section(node) for name, node in self._entries(document).items()}
        with_folders = {
            name: section for name, section in read.items() if set(section) - {"base_path", "is_default"}
        }
        return with_folders, self.complaints

    def _entries(self, node: yaml.MappingNode) -> dict[str, yaml.Node]:
        entries = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                entries[key.value] = value
            else:
                self._complain(key, "must be a name")
        return entries

    def _section(self, node: yaml.Node) -> dict[str, str | bool]:
        if node.tag == NULL:
            return {}
        if not isinstance(node, yaml.MappingNode):
            self._complain(node, "must be a section with a base_path and folders")
            return {}
        entries = self._entries(node)
        base = self._base(entries.pop("base_path", None))
        if base is None:
            return {}
        section: dict[str, str | bool] = {"base_path": str(base)}
        is_default = entries.pop("is_default", None)
        if is_default is not None:
            section["is_default"] = str(is_default.value).lower() in ("true", "yes", "on")
        folders = {kind: self._folders(base, kind, value) for kind, value in entries.items()}
        return section | {kind: "\n".join(lines) for kind, lines in folders.items() if lines}

    def _base(self, node: yaml.Node | None) -> Path | None:
        """Return the base folder; without one, folders are relative to the file."""
        if node is None:
            return self.path.parent
        if node.tag != TEXT:
            self._complain(node, "must be a folder")
            return None
        written = str(node.value)
        base = self.path.parent / os.path.expandvars(os.path.expanduser(written))  # noqa: PTH111 - as ComfyUI does
        if not base.is_dir():
            self._complain(node, f"names {base}, which does not exist")
            return None
        return base

    def _folders(self, base: Path, kind: str, node: yaml.Node) -> list[str]:
        """Return the folders. One for models may be created later; a missing one for nodes would end ComfyUI."""
        if node.tag != TEXT:
            self._complain(node, "must be a folder, or several on separate lines after a |")
            return []
        lines = [line.strip() for line in node.value.split("\n") if line.strip()]
        needed = [line for line in lines if kind == "custom_nodes" or Path(line).is_absolute()]
        absent = [line for line in needed if not (base / line).is_dir()]
        for line in absent:
            self._complain(node, f"names {base / line}, which does not exist")
        return [line for line in lines if line not in absent]

    def _complain(self, node: yaml.Node, what: str) -> None:
        self.complaints.append(f"{self.path}: line {_line(node)} is ignored: it {what}.")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
