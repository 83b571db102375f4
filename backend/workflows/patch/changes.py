"""A patch as data: which nodes, links and fields were replaced by what.

Documents are never modified: a change makes a new one, which shares with the old one what stays the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.core.errors import Conflict
from backend.workflows.graph import Json
from backend.workflows.parsing import as_dict, as_list


class Section(StrEnum):
    NODE = "node"
    LINK = "link"
    # Another field of the graph, such as `last_link_id`.
    FIELD = "field"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of a graph before and after; None where there is none."""

    # Id of the subgraph whose definition is changed; None for the workflow's own graph.
    graph: str | None
    section: Section
    # Id of the node or link, name of the field.
    key: str
    # Where the entry is among its like.
    position: int
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Patched:
    """A new document, and the changes that led to it."""

    document: Json
    changes: tuple[Change, ...]

    @property
    def inverse(self) -> tuple[Change, ...]:
        return inverse(self.changes)


def inverse(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes that restore the document from before, byte for byte."""
    return tuple(
        Change(
            graph=change.graph,
            section=change.section,
            key=change.key,
            position=change.position,
            before=change.after,
            after=change.before,
        )
        for change in reversed(tuple(changes))
    )


def apply_changes(document: Json, changes: Iterable[Change]) -> Json:
    """Return the document with the changes; raise Conflict when it is not the one that they were made for."""
    for change in changes:
        document = _in_graph(document, change)
    return document


def is_ui(document: Json) -> bool:
    return isinstance(document.get("nodes"), list)


def graph_in(document: Json, graph: str | None) -> Json | None:
    """Return the workflow's own graph, or the definition of a subgraph."""
    if graph is None:
        return document
    return next((item for item in _subgraphs(document) if str(as_dict(item).get("id")) == graph), None)


def subgraph_ids(document: Json) -> list[str]:
    return [str(item["id"]) for item in map(as_dict, _subgraphs(document)) if "id" in item]


def key_of(section: Section, entry: Any) -> str:
    """Return the id of a node or a link; links are lists or objects."""
    if section is Section.LINK and isinstance(entry, list):
        return str(entry[0]) if entry else ""
    return str(as_dict(entry).get("id"))


def _in_graph(document: Json, change: Change) -> Json:
    if change.graph is None:
        return _changed(document, change)
    subgraphs = _subgraphs(document)
    position = next(
        (n for n, item in enumerate(subgraphs) if str(as_dict(item).get("id")) == change.graph), None
    )
    if position is None:
        raise _conflict(change)
    inside = [*subgraphs[:position], _changed(subgraphs[position], change), *subgraphs[position + 1 :]]
    return {**document, "definitions": {**document["definitions"], "subgraphs": inside}}


def _changed(graph: Json, change: Change) -> Json:
    if change.section is Section.FIELD:
        return _field_changed(graph, change)
    if not is_ui(graph):
        return _prompt_changed(graph, change)
    name = f"{change.section}s"
    entries = as_list(graph.get(name))
    here = entries[change.position : change.position + 1]
    if change.before is None:
        return {**graph, name: [*entries[: change.position], change.after, *entries[change.position :]]}
    if here != [change.before]:
        raise _conflict(change)
    after = [] if change.after is None else [change.after]
    return {**graph, name: [*entries[: change.position], *after, *entries[change.position + 1 :]]}


def _prompt_changed(prompt: Json, change: Change) -> Json:
    if prompt.get(change.key) != change.before:
        raise _conflict(change)
    entries = [(key, value) for key, value in prompt.items() if key != change.key]
    if change.after is not None:
        entries.insert(change.position, (change.key, change.after))
    return dict(entries)


def _field_changed(graph: Json, change: Change) -> Json:
    if graph.get(change.key) != change.before:
        raise _conflict(change)
    if change.after is None:
        return {name: value for name, value in graph.items() if name != change.key}
    return {**graph, change.key: change.after}


def _subgraphs(document: Json) -> list[Any]:
    return as_list(as_dict(document.get("definitions")).get("subgraphs"))


def _conflict(change: Change) -> Conflict:
    return Conflict(
        f"The workflow was changed meanwhile: its {change.section} {change.key[:50]} is another one. Load it again.",
        code="workflow_changed",
    )
