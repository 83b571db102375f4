"""Reads the format that `POST /prompt` takes: node ids with a class and named inputs."""

from typing import Any

from backend.workflows.graph import Graph, Input, Json, Link, LinkId, Node, Workflow, WorkflowFormat
from backend.workflows.parsing import as_dict, as_text


def read_api(document: Json) -> Workflow:
    """Return the workflow of a parsed file; it has no nodes when the file is of another kind."""
    prompt = as_dict(document.get("prompt")) or document
    links: dict[LinkId, Link] = {}
    nodes = tuple(
        _node(key, item, links)
        for key, item in prompt.items()
        if isinstance(item, dict) and isinstance(item.get("class_type"), str)
    )
    return Workflow(format=WorkflowFormat.API, graph=Graph(nodes, links), document=prompt)


def _node(key: str, item: Json, links: dict[LinkId, Link]) -> Node:
    inputs: list[Input] = []
    values: Json = {}
    for name, value in as_dict(item.get("inputs")).items():
        if is_link(value):
            link = Link(len(links), str(value[0]), value[1], key, len(inputs))
            links[link.id] = link
            inputs.append(Input(name, link=link.id))
        else:
            values[name] = value
    return Node(
        id=key,
        type=item["class_type"],
        title=as_text(as_dict(item.get("_meta")).get("title")),
        inputs=tuple(inputs),
        named_values=values,
    )


def is_link(value: Any) -> bool:
    """Return whether an input is `[node id, output position]`. Lists as values are wrapped in an object."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], (int, str))
        and type(value[1]) is int
    )
