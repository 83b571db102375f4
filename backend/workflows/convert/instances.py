"""The nodes that run: those of the graph, and those inside each instance of a subgraph.

A node inside gets the id of its instance before its own: `57:3`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from backend.core.errors import InvalidRequest
from backend.workflows.editor_nodes import SETTER
from backend.workflows.graph import Graph, Input, Node, NodeId, Subgraph, Workflow
from backend.workflows.reader import MAX_NODES

MAX_DEPTH = 64


@dataclass(frozen=True, eq=False)
class Scope:
    """A graph as it runs: the root, or one instance of a subgraph."""

    graph: Graph
    # Ids of the instances around it, each followed by a colon.
    prefix: str = ""
    depth: int = 0
    # The instance that it is the inside of, and where that one stands.
    instance: Node | None = None
    parent: "Scope | None" = None
    inner: dict[NodeId, "Scope"] = field(default_factory=dict)

    @cached_property
    def setters(self) -> dict[str, Node]:
        """The `SetNode`s by the name that each gives to a value."""
        found = ((first_value(node), node) for node in self.graph.nodes if node.type == SETTER)
        return {name: node for name, node in found if name is not None}

    @property
    def definition(self) -> Subgraph | None:
        return self.graph if isinstance(self.graph, Subgraph) else None


def root_scope(workflow: Workflow) -> Scope:
    """Return the workflow with every instance of a subgraph expanded; raise InvalidRequest when that is endless."""
    root = Scope(workflow.graph)
    pending, count = [root], 0
    while pending:
        scope = pending.pop()
        count += len(scope.graph.nodes)
        if count > MAX_NODES or scope.depth > MAX_DEPTH:
            raise InvalidRequest(
                f"The subgraphs of the workflow contain more than {MAX_NODES} nodes or each other.",
                code="too_large",
            )
        for node in scope.graph.nodes:
            subgraph = workflow.subgraphs.get(node.type)
            if subgraph and node.is_active:
                prefix = f"{scope.prefix}{node.id}:"
                scope.inner[node.id] = Scope(subgraph, prefix, scope.depth + 1, node, scope)
                pending.append(scope.inner[node.id])
    return root


def running_nodes(scope: Scope) -> Iterator[tuple[Scope, Node]]:
    """Yield every node that is neither muted nor bypassed, instances replaced by what they contain."""
    for node in scope.graph.nodes:
        if node.id in scope.inner:
            yield from running_nodes(scope.inner[node.id])
        elif node.is_active:
            yield scope, node


def outer_input(scope: Scope, slot: int) -> Input | None:
    """Return the input of the instance that belongs to an input of its definition. Files list them in any order."""
    definition, instance = scope.definition, scope.instance
    if definition is None or instance is None or not 0 <= slot < len(definition.inputs):
        return None
    name = definition.inputs[slot].name
    return next((item for item in instance.inputs if item.name == name), None)


def first_value(node: Node) -> str | None:
    value = next((widget.value for widget in node.widgets), None)
    return value if isinstance(value, str) else None
