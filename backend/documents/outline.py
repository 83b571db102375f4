"""A workflow in few words: nodes with the names of their inputs, without layout. What a model reads instead of the file."""

from typing import Any

from pydantic import BaseModel, Field

from backend.workflows.convert.widgets import widget_values
from backend.workflows.graph import BYPASS, NEVER, Graph, Json, Link, Node, Subgraph, Workflow
from backend.workflows.signatures import Signatures

MAX_NODES = 400
MAX_TEXT, MAX_TITLE = 2000, 200
MODES = {NEVER: "muted", BYPASS: "bypassed"}


class NodeOutline(BaseModel):
    id: str
    type: str
    title: str | None = None
    mode: str = Field(default="active", description="`active`, `muted` or `bypassed`.")
    values: dict[str, Any] = Field(default={}, description="Widgets, by the names that patches use.")
    links: dict[str, str] = Field(default={}, description="Linked inputs: `{input: ORIGIN.SLOT}`.")


class GraphOutline(BaseModel):
    graph: str | None = Field(description="Id of a subgraph for patches; null for the workflow's own graph.")
    name: str | None = None
    nodes: list[NodeOutline]


class Outline(BaseModel):
    graphs: list[GraphOutline]
    nodes: int = Field(description="How many nodes there are in all.")
    truncated: bool = Field(description="Whether nodes are left out; ask for them by id.")


def outline_of(workflow: Workflow, object_info: Json, wanted: set[str] | None = None) -> Outline:
    """Return the outline; with `wanted` only of nodes with these ids."""
    signatures = Signatures(object_info)
    graphs: list[tuple[str | None, str | None, Graph]] = [(None, None, workflow.graph)]
    graphs += [(item.id, item.name, item) for item in workflow.subgraphs.values()]
    left, found, total = MAX_NODES, [], 0
    for key, name, graph in graphs:
        nodes = [node for node in graph.nodes if wanted is None or node.id in wanted]
        total += len(nodes)
        shown = [_node(graph, node, signatures) for node in nodes[:left]]
        left -= len(shown)
        if shown or key is None:
            found.append(GraphOutline(graph=key, name=name, nodes=shown))
    return Outline(graphs=found, nodes=total, truncated=total > MAX_NODES)


def _node(graph: Graph, node: Node, signatures: Signatures) -> NodeOutline:
    signature = signatures.get(node.type)
    values = widget_values(node, signature)
    if signature is None and not values:
        values = {str(position): value for position, value in enumerate(node.values)}
    links = {item.name: graph.links.get(item.link) for item in node.inputs if item.link is not None}
    return NodeOutline(
        id=node.id,
        type=node.type,
        title=node.title[:MAX_TITLE] if node.title else None,
        mode=MODES.get(node.mode, "active"),
        values={name: _short(value) for name, value in values.items() if name not in links},
        links={name: _origin(graph, link) for name, link in links.items() if link},
    )


def _origin(graph: Graph, link: Link) -> str:
    if isinstance(graph, Subgraph) and link.origin not in graph.by_id:
        return f"input of the subgraph {link.origin_slot}"
    return f"{link.origin}.{link.origin_slot}"


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"{value[:MAX_TEXT]}… ({len(value)} characters)"
    return value
