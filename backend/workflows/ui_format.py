"""Reads the format that ComfyUI's editor saves: nodes with layout, links, subgraphs, group nodes."""

from collections.abc import Iterable, Iterator
from typing import Any

from backend.core.errors import InvalidRequest
from backend.workflows.graph import (
    Graph,
    Input,
    Json,
    Link,
    LinkId,
    Node,
    NodeId,
    Output,
    Subgraph,
    Workflow,
    WorkflowFormat,
)
from backend.workflows.parsing import as_dict, as_int, as_list, as_text

# Inputs, outputs or widget values of one node.
MAX_SLOTS = 5_000


def read_ui(document: Json) -> Workflow:
    """Return the workflow of a parsed file; it has no nodes when the file is of another kind."""
    graph = as_dict(document.get("workflow")) or document
    definitions = as_list(as_dict(graph.get("definitions")).get("subgraphs"))
    return Workflow(
        format=WorkflowFormat.UI,
        graph=Graph(_nodes(graph), _links(graph)),
        subgraphs={subgraph.id: subgraph for subgraph in map(_subgraph, map(as_dict, definitions))},
        groups=dict(_groups(as_dict(as_dict(graph.get("extra")).get("groupNodes")))),
        document=graph,
    )


def _subgraph(item: Json) -> Subgraph:
    return Subgraph(
        _nodes(item),
        _links(item),
        id=str(item.get("id")),
        name=as_text(item.get("name")),
        inputs=tuple(map(_input, _slots(item.get("inputs")))),
        outputs=tuple(map(_output, _slots(item.get("outputs")))),
    )


def _groups(groups: Json) -> Iterator[tuple[str, Graph]]:
    """Group nodes, which came before subgraphs. Their nodes have positions instead of ids."""
    for name, group in groups.items():
        graph = Graph(_nodes(as_dict(group)), _links(as_dict(group)))
        yield from ((f"workflow{sign}{name}", graph) for sign in (">", "/"))


def _nodes(graph: Json) -> tuple[Node, ...]:
    items = enumerate(_dicts(graph.get("nodes")))
    return tuple(read_node(item, position) for position, item in items if isinstance(item.get("type"), str))


def read_node(item: Json, position: int = 0) -> Node:
    """Read a node. One without an id gets its position."""
    values = item.get("widgets_values")
    return Node(
        id=node_id(item.get("id")) or str(position),
        type=str(item.get("type", "")),
        title=as_text(item.get("title")),
        mode=as_int(item.get("mode")),
        inputs=tuple(map(_input, _slots(item.get("inputs")))),
        outputs=tuple(map(_output, _slots(item.get("outputs")))),
        values=tuple(_slots(values)),
        named_values=as_dict(item.get("widgets_values_named")) or as_dict(values),
        properties=as_dict(item.get("properties")),
    )


def _input(item: Any) -> Input:
    item = as_dict(item)
    return Input(
        name=str(item.get("name")),
        type=_slot_type(item.get("type")),
        link=_link_id(item.get("link")),
        widget=as_text(as_dict(item.get("widget")).get("name")),
        label=as_text(item.get("label")),
    )


def _output(item: Any) -> Output:
    item = as_dict(item)
    return Output(name=str(item.get("name")), type=_slot_type(item.get("type")))


def _slot_type(value: Any) -> str:
    """Return a type, `*` for any; older files have 0 or nothing for any."""
    return value if isinstance(value, str) and value else "*"


def _links(graph: Json) -> dict[LinkId, Link]:
    links = (_link(item) for item in as_list(graph.get("links")))
    return {link.id: link for link in links if link}


def _link(item: Any) -> Link | None:
    """A list `[id, origin, slot, target, slot, type]`, or in newer files an object with these names."""
    if isinstance(item, dict):
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        item = [item.get(name) for name in names]
    if not isinstance(item, list) or len(item) < 5:
        return None
    key, origin, target = _link_id(item[0]), node_id(item[1]), node_id(item[3])
    if key is None or origin is None or target is None:
        return None
    kind = _slot_type(item[5] if len(item) > 5 else None)
    return Link(key, origin, as_int(item[2]), target, as_int(item[4]), kind)


def node_id(value: Any) -> NodeId | None:
    """Return an id as text, whether the file has a number or a text."""
    return str(value) if type(value) in (int, str) else None


def _link_id(value: Any) -> LinkId | None:
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def _slots(value: Any) -> list[Any]:
    """Return the inputs, outputs or widget values of a node."""
    slots = as_list(value)
    if len(slots) > MAX_SLOTS:
        raise InvalidRequest(
            f"A node of the workflow has more than {MAX_SLOTS:,} inputs, outputs or values.", code="too_large"
        )
    return slots


def _dicts(value: Any) -> Iterable[Json]:
    return (item for item in as_list(value) if isinstance(item, dict))
