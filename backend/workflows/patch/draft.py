"""A document while operations change it: every change is recorded as it is made."""

from collections.abc import Iterator
from typing import Any

from backend.core.errors import InvalidRequest
from backend.workflows.graph import Json
from backend.workflows.parsing import as_dict, as_int, as_list
from backend.workflows.patch.changes import Change, Section, apply_changes, graph_in, is_ui, key_of


class Draft:
    """One graph of a document."""

    def __init__(self, document: Json, graph: str | None):
        found = graph_in(document, graph)
        if found is None:
            raise InvalidRequest(f"The workflow has no subgraph {str(graph)[:100]}.", code="unknown_subgraph")
        self.document = document
        self.is_ui = is_ui(found)
        self.changes: list[Change] = []
        self._graph = graph

    @property
    def graph(self) -> Json:
        return graph_in(self.document, self._graph) or {}

    def entries(self, section: Section) -> list[tuple[str, Any]]:
        """Nodes or links with their ids."""
        if not self.is_ui:
            return list(self.graph.items()) if section is Section.NODE else []
        return [(key_of(section, entry), entry) for entry in as_list(self.graph.get(f"{section}s"))]

    def node(self, key: str) -> Json:
        """Return a node; raise InvalidRequest when there is none of that id."""
        found = next((as_dict(node) for each, node in self.entries(Section.NODE) if each == key), None)
        if found is None:
            raise InvalidRequest(f"The workflow has no node {key[:100]}.", code="unknown_node")
        return found

    def put(self, section: Section, key: str, after: Any) -> None:
        """Replace, add (at the end) or, with None, remove a node or a link."""
        entries = self.entries(section)
        position = next((n for n, (each, _) in enumerate(entries) if each == key), len(entries))
        before = entries[position][1] if position < len(entries) else None
        self._record(section, key, position, before, after)

    def put_field(self, name: str, after: Any) -> None:
        """Set a field that the graph has. A change cannot tell null from missing, so null stays."""
        if self.graph.get(name) is not None:
            self._record(Section.FIELD, name, 0, self.graph[name], after)

    def change_node(self, key: str, **fields: Any) -> None:
        self.put(Section.NODE, key, {**self.node(key), **fields})

    def links(self) -> Iterator[tuple[str, str, int, str, int]]:
        """(id, origin, its slot, target, its slot) of the links of a UI graph."""
        for key, entry in self.entries(Section.LINK):
            if isinstance(entry, dict):
                names = ("origin_id", "origin_slot", "target_id", "target_slot")
                origin, out, target, at = (entry.get(name) for name in names)
            else:
                origin, out, target, at = (*as_list(entry)[1:5], *[None] * 4)[:4]
            yield key, str(origin), as_int(out), str(target), as_int(at)

    def next_id(self, section: Section) -> int:
        """Return an id that nothing has, of nodes or links."""
        used = [int(key) for key, _ in self.entries(section) if key.lstrip("-").isdecimal()]
        return max((*used, as_int(self.graph.get(f"last_{section}_id")))) + 1

    def _record(self, section: Section, key: str, position: int, before: Any, after: Any) -> None:
        if before == after:
            return
        change = Change(
            graph=self._graph, section=section, key=key, position=position, before=before, after=after
        )
        self.document = apply_changes(self.document, [change])
        self.changes.append(change)
