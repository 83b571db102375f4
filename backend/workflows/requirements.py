"""What a workflow requires: the model files that its nodes choose, and the types of its nodes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from backend.core.errors import InvalidRequest
from backend.workflows.editor_nodes import EDITOR_ONLY
from backend.workflows.graph import Node, Workflow
from backend.workflows.model_folders import widget_at
from backend.workflows.parsing import as_dict, as_list
from backend.workflows.reader import read_workflow

MODEL_FILE = re.compile(r".+\.(safetensors|sft|gguf|ckpt|pt|pth|bin|onnx)", re.IGNORECASE)
MAX_FILES = 500
MAX_TYPES = 1_000
MAX_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A file that a node chooses."""

    node_type: str
    # Name of the widget, where it is known.
    widget: str | None
    # As the node has it: a file name, perhaps with folders before it.
    value: str
    # The node is muted or bypassed: the workflow runs without the file.
    switched_off: bool

    @property
    def filename(self) -> str:
        return self.value.rpartition("/")[2]

    @property
    def subfolder(self) -> str:
        """Below the model folder; empty when the file is directly in it."""
        return self.value.rpartition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredModel:
    """What the author of the workflow wrote down about a file: `properties.models`."""

    folder: str
    url: str
    sha256: str | None


@dataclass(kw_only=True)
class GraphRequirements:
    """What a workflow requires, as stated in the file. Choices are not repeated."""

    choices: list[ModelChoice] = field(default_factory=list)
    # By file name.
    declared: dict[str, DeclaredModel] = field(default_factory=dict)
    # Node types that the server must have, each with the package that the workflow names for it.
    node_types: dict[str, str | None] = field(default_factory=dict)


def read_requirements(content: bytes) -> GraphRequirements:
    """Read a file and return what its workflow requires; raise InvalidRequest when it holds none."""
    return requirements_of(read_workflow(content))


def requirements_of(workflow: Workflow) -> GraphRequirements:
    """Return what the workflow requires; raise InvalidRequest when it exceeds `MAX_FILES` or `MAX_TYPES`."""
    found = GraphRequirements()
    choices: dict[ModelChoice, None] = {}
    names: set[str] = set()
    for node in workflow.all_nodes:
        chosen = list(_choices(node))
        choices.update(dict.fromkeys(chosen))
        found.declared |= _declared(node, found.declared)
        if node.is_active and node.type not in EDITOR_ONLY and not workflow.is_container(node.type):
            found.node_types[_shown(node.type)] = _shown(node.package) if node.package else None
        names.update(choice.value for choice in chosen)
        _check_limits(found, names)
    found.choices = list(choices)
    return found


def is_model_file(text: str) -> bool:
    """Return whether a text looks like the name of a model file."""
    return len(text) <= MAX_NAME and text.isprintable() and MODEL_FILE.fullmatch(text) is not None


def _check_limits(found: GraphRequirements, names: set[str]) -> None:
    if len(found.node_types) > MAX_TYPES:
        raise InvalidRequest(f"The workflow has more than {MAX_TYPES} types of nodes.", code="too_large")
    if max(len(names), len(found.declared)) > MAX_FILES:
        raise InvalidRequest(f"The workflow names more than {MAX_FILES} files.", code="too_large")


def _choices(node: Node) -> Iterator[ModelChoice]:
    for position, widget in enumerate(node.widgets):
        name = widget.name or widget_at(node.type, position)
        for key, text in _texts(name, widget.value):
            value = text.strip().replace("\\", "/") if len(text) <= 2 * MAX_NAME else text
            if is_model_file(value):
                kind, off = _shown(node.type), not node.is_active
                yield ModelChoice(node_type=kind, widget=key, value=value, switched_off=off)


def _texts(name: str | None, value: Any) -> Iterator[tuple[str | None, str]]:
    """Yield the texts in a widget's value. Some nodes store rows: `{"on": true, "lora": "ink.safetensors", "strength": 1}`."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict) and value.get("on") is not False:
        yield from ((str(key), text) for key, text in value.items() if isinstance(text, str))


def _declared(node: Node, known: dict[str, DeclaredModel]) -> dict[str, DeclaredModel]:
    """Return the files that the node's author declares, except those in `known`."""
    found: dict[str, DeclaredModel] = {}
    for model in map(as_dict, as_list(node.properties.get("models"))[: MAX_FILES + 1]):
        name, url, folder = (model.get(key) for key in ("name", "url", "directory"))
        if isinstance(name, str) and isinstance(url, str) and isinstance(folder, str) and name not in known:
            declared = DeclaredModel(
                folder=folder, url=url.removesuffix("?download=true"), sha256=_sha256(model)
            )
            found.setdefault(name, declared)
    return found


def _sha256(model: dict[str, Any]) -> str | None:
    value = model.get("hash")
    if model.get("hash_type") != "SHA256" or not isinstance(value, str):
        return None
    return value.lower() if re.fullmatch("[0-9a-fA-F]{64}", value) else None


def _shown(text: str) -> str:
    """Return the name truncated, with unprintable characters replaced."""
    text = text[:MAX_NAME]
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "�" for letter in text)
