"""A workflow as nodes and links, the same for every format that ComfyUI writes.

Objects are immutable. What a file says in the wrong type is left out; what it does not say is None.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

NodeId: TypeAlias = str
LinkId: TypeAlias = int | str
Json: TypeAlias = dict[str, Any]

NEVER, BYPASS = 2, 4
# Ids of a subgraph's own input and output node, as links inside it name them.
SUBGRAPH_INPUT, SUBGRAPH_OUTPUT = "-10", "-20"


class WorkflowFormat(StrEnum):
    # What the editor saves: layout, subgraphs, widgets by position.
    UI = "ui"
    # What `POST /prompt` takes: inputs by name.
    API = "api"


class Link(NamedTuple):
    id: LinkId
    origin: NodeId
    origin_slot: int
    target: NodeId
    target_slot: int
    type: str = "*"


class Input(NamedTuple):
    name: str
    type: str = "*"
    link: LinkId | None = None
    # Name of the widget that this socket belongs to.
    widget: str | None = None
    label: str | None = None


class Output(NamedTuple):
    name: str
    type: str = "*"


class Widget(NamedTuple):
    # None where the file gives values by position only.
    name: str | None
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    id: NodeId
    type: str
    title: str | None = None
    mode: int = 0
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    # Widget values by position, and by name where the file has names.
    values: tuple[Any, ...] = ()
    named_values: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_muted(self) -> bool:
        return self.mode == NEVER

    @property
    def is_bypassed(self) -> bool:
        return self.mode == BYPASS

    @property
    def is_active(self) -> bool:
        return not (self.is_muted or self.is_bypassed)

    @property
    def package(self) -> str | None:
        """The node package that the file says the node comes from."""
        package = self.properties.get("cnr_id") or self.properties.get("aux_id")
        return package if isinstance(package, str) else None

    @property
    def widgets(self) -> Iterator[Widget]:
        """The widgets, with names where the file alone tells them."""
        if self.named_values:
            yield from (Widget(name, value) for name, value in self.named_values.items())
            return
        names: list[str | None] = [item.widget for item in self.inputs if item.widget is not None]
        known = len(names) == len(self.values)
        for position, value in enumerate(self.values):
            yield Widget(names[position] if known else None, value)


@dataclass(frozen=True)
class Graph:
    nodes: tuple[Node, ...] = ()
    links: Mapping[LinkId, Link] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> Mapping[NodeId, Node]:
        """Nodes by id; of two with the same id, the first."""
        return {node.id: node for node in reversed(self.nodes)}


@dataclass(frozen=True, kw_only=True)
class Subgraph(Graph):
    """A reusable graph. A node whose type is its id is an instance of it."""

    id: str
    name: str | None = None
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()

    @cached_property
    def links_from_input(self) -> Mapping[int, tuple[Link, ...]]:
        """The links inside by the position of the subgraph input that they start at."""
        found: dict[int, list[Link]] = {}
        for link in self.links.values():
            if link.origin == SUBGRAPH_INPUT:
                found.setdefault(link.origin_slot, []).append(link)
        return {slot: tuple(links) for slot, links in found.items()}

    @cached_property
    def link_to_output(self) -> Mapping[int, Link]:
        return {link.target_slot: link for link in self.links.values() if link.target == SUBGRAPH_OUTPUT}


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """A whole file."""

    format: WorkflowFormat
    graph: Graph
    # Subgraphs by id; group nodes, their predecessors, by the type of their instances.
    subgraphs: Mapping[str, Subgraph] = field(default_factory=dict)
    groups: Mapping[str, Graph] = field(default_factory=dict)
    # The JSON that the file holds, unchanged.
    document: Json = field(repr=False)

    @property
    def all_nodes(self) -> Iterator[Node]:
        """The nodes of the graph and of every definition, each once."""
        for graph in (self.graph, *self.subgraphs.values(), *self.groups.values()):
            yield from graph.nodes

    def is_container(self, node_type: str) -> bool:
        """Return whether a node of this type stands for a subgraph or a group of this workflow."""
        return node_type in self.subgraphs or node_type in self.groups


def types_fit(one: str, other: str) -> bool:
    """Return whether types can be linked: `*` with any, a list with each of its types."""
    if "*" in (one, other):
        return True
    return not set(one.lower().split(",")).isdisjoint(other.lower().split(","))
