"""Reads a ComfyUI workflow: which files its nodes choose, and which kinds of nodes it is made of.

Two formats are in use. The graph as drawn (`{"nodes": […]}`, perhaps with subgraphs in `definitions`) lists the
values of widgets in order, in newer versions also by name. The graph as run (`{"4": {"class_type", "inputs"}}`)
names each input. All of it comes from strangers: nothing is taken to be of the type that it should have.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from backend.core.errors import InvalidRequest
from backend.workflows.metadata import is_picture, texts_in
from backend.workflows.model_folders import widget_at

MODEL_FILE = re.compile(r".+\.(safetensors|sft|gguf|ckpt|pt|pth|bin|onnx)", re.IGNORECASE)
MAX_NODES = 20_000
MAX_FILES = 500
MAX_TYPES = 1_000
MAX_NAME = 255
# Drawn on the canvas, but never run: ComfyUI's server does not know them.
DRAWN_ONLY = frozenset({"Note", "MarkdownNote", "Reroute", "PrimitiveNode"})
NEVER, BYPASSED = 2, 4

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
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
        """Below the model folder; empty when the file is right in it."""
        return self.value.rpartition("/")[0]


@dataclass(frozen=True, kw_only=True)
class DeclaredModel:
    """What the author of the workflow wrote down about a file: `properties.models`."""

    folder: str
    url: str
    sha256: str | None


@dataclass(kw_only=True)
class GraphRequirements:
    """What a workflow needs, in its own words."""

    choices: list[ModelChoice] = field(default_factory=list)
    # By file name.
    declared: dict[str, DeclaredModel] = field(default_factory=dict)
    # Kinds of nodes that the server must know, and the package that each says it comes from.
    node_types: dict[str, str | None] = field(default_factory=dict)


def read_requirements(content: bytes) -> GraphRequirements:
    """Read JSON, or a picture with a workflow in it. InvalidRequest says what is wrong with it."""
    if is_picture(content):
        return _read_picture(content)
    if not content.strip():
        raise InvalidRequest("The workflow is empty. Drop a workflow file, or paste its JSON.", code="empty")
    return requirements_in(_parsed(content))


def requirements_in(graph: Any) -> GraphRequirements:
    """The same for JSON that was parsed already."""
    nodes = list(_drawn(graph)) or list(_run(graph))
    if not nodes:
        raise InvalidRequest(
            "This is not a ComfyUI workflow: it has no nodes. Export it in ComfyUI (Workflow → Export), "
            "or drop a picture that ComfyUI saved.",
            code="not_a_workflow",
        )
    if len(nodes) > MAX_NODES:
        raise InvalidRequest(f"The workflow has more than {MAX_NODES} nodes.", code="too_large")
    return _described(graph, nodes)


def _read_picture(content: bytes) -> GraphRequirements:
    texts = texts_in(content)
    text = texts.get("workflow") or texts.get("prompt")
    if text is None:
        raise InvalidRequest(
            "This picture holds no workflow. Pictures keep it only when ComfyUI saved them as PNG or WebP "
            "and no other program has rewritten them since.",
            code="no_workflow",
        )
    return requirements_in(_parsed(text))


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise InvalidRequest("The JSON is nested too deeply to be a workflow.", code="not_json") from None
    except json.JSONDecodeError as error:
        message = f"This is not JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        raise InvalidRequest(message, code="not_json") from None
    except ValueError:  # not text at all, or a number that is too long
        raise InvalidRequest("This is neither JSON nor a picture with a workflow.", code="not_json") from None


@dataclass(frozen=True, kw_only=True)
class _Node:
    type: str
    # (name, value); the name is None where the workflow does not tell it.
    widgets: Iterable[tuple[str | None, Any]]
    properties: Json
    switched_off: bool


def _drawn(graph: Any) -> Iterator[_Node]:
    for item in _drawn_items(graph):
        if isinstance(item, dict) and isinstance(item.get("type"), str):
            yield _Node(
                type=item["type"],
                widgets=list(_drawn_widgets(item)),
                properties=_dict(item.get("properties")),
                switched_off=item.get("mode") in (NEVER, BYPASSED),
            )


def _drawn_items(graph: Any) -> Iterator[Any]:
    """The nodes of the graph, of its subgraphs, and of what came before subgraphs: group nodes."""
    graph = _dict(graph)
    graph = _dict(graph.get("workflow")) or graph
    groups = _dict(_dict(graph.get("extra")).get("groupNodes"))
    subgraphs = _list(_dict(graph.get("definitions")).get("subgraphs"))
    for part in (graph, *subgraphs, *groups.values()):
        yield from _list(_dict(part).get("nodes"))


def _drawn_widgets(item: Json) -> Iterator[tuple[str | None, Any]]:
    values = _dict(item.get("widgets_values_named")) or item.get("widgets_values")
    if isinstance(values, dict):
        yield from values.items()
        return
    names = [_dict(entry.get("widget")).get("name") for entry in _list(item.get("inputs")) if _dict(entry)]
    names = [name for name in names if isinstance(name, str)]
    known = len(names) == len(_list(values))
    for position, value in enumerate(_list(values)):
        yield names[position] if known else widget_at(item["type"], position), value


def _run(graph: Any) -> Iterator[_Node]:
    graph = _dict(graph)
    graph = _dict(graph.get("prompt")) or graph
    for item in graph.values():
        if isinstance(item, dict) and isinstance(item.get("class_type"), str):
            inputs = list(_dict(item.get("inputs")).items())
            yield _Node(type=item["class_type"], widgets=inputs, properties={}, switched_off=False)


def _described(graph: Any, nodes: Iterable[_Node]) -> GraphRequirements:
    workflow = GraphRequirements()
    containers = _containers(graph)
    for node in nodes:
        workflow.choices.extend(_choices(node))
        for model in _list(node.properties.get("models")):
            _note_declared(workflow, model)
        if not (node.type in containers or node.type in DRAWN_ONLY or node.switched_off):
            package = node.properties.get("cnr_id") or node.properties.get("aux_id")
            workflow.node_types[_shown(node.type)] = _shown(package) if isinstance(package, str) else None
    if len(workflow.node_types) > MAX_TYPES:
        raise InvalidRequest(f"The workflow has more than {MAX_TYPES} kinds of nodes.", code="too_large")
    if len({choice.value for choice in workflow.choices}) > MAX_FILES:
        raise InvalidRequest(f"The workflow names more than {MAX_FILES} files.", code="too_large")
    return workflow


def _containers(graph: Any) -> set[str]:
    """Types that stand for a subgraph or a group of this very workflow."""
    graph = _dict(_dict(graph).get("workflow")) or _dict(graph)
    subgraphs = _list(_dict(graph.get("definitions")).get("subgraphs"))
    groups = _dict(_dict(graph.get("extra")).get("groupNodes"))
    names = {str(_dict(subgraph).get("id")) for subgraph in subgraphs}
    return names | {f"workflow{sign}{name}" for name in groups for sign in (">", "/")}


def _choices(node: _Node) -> Iterator[ModelChoice]:
    for name, value in node.widgets:
        for widget, text in _texts(name, value):
            cleaned = text.strip().replace("\\", "/")
            if is_model_file(cleaned):
                yield ModelChoice(
                    node_type=_shown(node.type),
                    widget=widget,
                    value=cleaned,
                    switched_off=node.switched_off,
                )


def is_model_file(text: str) -> bool:
    """Whether a text looks like the name of a model file."""
    return len(text) <= MAX_NAME and text.isprintable() and MODEL_FILE.fullmatch(text) is not None


def _texts(name: str | None, value: Any) -> Iterator[tuple[str | None, str]]:
    """The texts of a widget. Some nodes keep rows: `{"on": true, "lora": "ink.safetensors", "strength": 1}`."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict) and value.get("on") is not False:
        yield from ((str(key), text) for key, text in value.items() if isinstance(text, str))


def _note_declared(workflow: GraphRequirements, model: Any) -> None:
    name, url, folder = (_dict(model).get(key) for key in ("name", "url", "directory"))
    if not (isinstance(name, str) and isinstance(url, str) and isinstance(folder, str)):
        return
    promised = str(model.get("hash", "")).lower() if model.get("hash_type") == "SHA256" else ""
    sha256 = promised if re.fullmatch("[0-9a-f]{64}", promised) else None
    declared = DeclaredModel(folder=folder, url=url.removesuffix("?download=true"), sha256=sha256)
    workflow.declared.setdefault(name, declared)


def _shown(text: str) -> str:
    """A name that can be printed and sent on, whatever it was made of."""
    return "".join(sign if sign.isprintable() else "�" for sign in text[:MAX_NAME])


def _dict(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
