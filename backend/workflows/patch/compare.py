"""The differences of any two documents of one format, as the changes that turn one into the other."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from backend.core.errors import InvalidRequest
from backend.workflows.graph import Json
from backend.workflows.parsing import as_dict, as_list
from backend.workflows.patch.changes import Change, Section, graph_in, is_ui, key_of, subgraph_ids

# An id, and how many entries before it have the same one: files may repeat ids.
_Key: TypeAlias = tuple[str, int]
_Entries: TypeAlias = dict[_Key, Any]


def compare(before: Json, after: Json) -> tuple[Change, ...]:
    """Return the changes that turn `before` into `after`; raise InvalidRequest when their formats differ.

    What is null counts as missing.
    """
    if is_ui(before) != is_ui(after):
        raise InvalidRequest(
            "One version is in the editor's format and the other in API format, so they cannot be compared.",
            code="formats_differ",
        )
    if not is_ui(after):
        return tuple(_entries_changed(None, Section.NODE, _prompt_entries(before), _prompt_entries(after)))
    inside = _comparable_subgraphs(before, after)
    skipped = {"nodes", "links"} | ({"definitions"} if inside is not None else set())
    found = list(_graph_changed(None, before, after, skipped))
    for graph in inside or ():
        old, new = graph_in(before, graph) or {}, graph_in(after, graph) or {}
        found += _graph_changed(graph, old, new, {"nodes", "links"})
    return tuple(found)


def _comparable_subgraphs(before: Json, after: Json) -> list[str] | None:
    """Return the subgraphs of both documents; None where the definitions have to be replaced as a whole."""
    ids = subgraph_ids(after)
    same = ids == subgraph_ids(before) and len(set(ids)) == len(ids)
    return ids if same and _other_definitions(before) == _other_definitions(after) else None


def _other_definitions(document: Json) -> Json:
    definitions = as_dict(document.get("definitions"))
    return {name: value for name, value in definitions.items() if name != "subgraphs"}


def _graph_changed(graph: str | None, old: Json, new: Json, skipped: set[str]) -> Iterator[Change]:
    for section in (Section.LINK, Section.NODE):
        yield from _entries_changed(graph, section, _entries(old, section), _entries(new, section))
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        if name not in skipped and before != after:
            yield Change(graph=graph, section=Section.FIELD, key=name, position=0, before=before, after=after)


def _prompt_entries(prompt: Json) -> _Entries:
    return {(key, 0): value for key, value in prompt.items() if value is not None}


def _entries(graph: Json, section: Section) -> _Entries:
    found: _Entries = {}
    seen: dict[str, int] = {}
    for entry in as_list(graph.get(f"{section}s")):
        key = key_of(section, entry)
        found[key, seen.setdefault(key, 0)] = entry
        seen[key] += 1
    return found


def _entries_changed(graph: str | None, section: Section, old: _Entries, new: _Entries) -> Iterator[Change]:
    """Yield removals from the end, then what is different, then additions in their order."""
    kept = _in_same_order(old, new)

    def change(key: _Key, position: int, before: Any, after: Any) -> Change:
        return Change(graph=graph, section=section, key=key[0], position=position, before=before, after=after)

    for position, (key, entry) in reversed(list(enumerate(old.items()))):
        if key not in kept:
            yield change(key, position, entry, None)
    for position, key in enumerate(key for key in old if key in kept):
        if old[key] != new[key]:
            yield change(key, position, old[key], new[key])
    for position, (key, entry) in enumerate(new.items()):
        if key not in kept:
            yield change(key, position, None, entry)


def _in_same_order(old: _Entries, new: _Entries) -> set[_Key]:
    """Return keys of both whose order is the same in both; the others are removed and added again."""
    places = {key: place for place, key in enumerate(old)}
    kept, last = set(), -1
    for key in new:
        place = places.get(key, -1)
        if place > last:
            kept.add(key)
            last = place
    return kept
