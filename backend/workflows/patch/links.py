"""Links of a document in the editor's format: each is known to its origin, to its target and to the graph."""

from typing import Any

from backend.core.errors import InvalidRequest
from backend.workflows.graph import SUBGRAPH_INPUT, SUBGRAPH_OUTPUT, Json
from backend.workflows.parsing import as_dict, as_list
from backend.workflows.patch.changes import Section
from backend.workflows.patch.draft import Draft


def add_link(draft: Draft, origin: str, slot: int, target: str, name: str, kind: str) -> None:
    """Link an output to an input, which must exist; what was linked to the input is unlinked."""
    remove_link_to(draft, target, name)
    key = draft.next_id(Section.LINK)
    at = input_position(draft.node(target), name)
    ends = (draft.node(origin)["id"], slot, draft.node(target)["id"], at)
    as_object = (
        any(isinstance(entry, dict) for _, entry in draft.entries(Section.LINK)) or "inputNode" in draft.graph
    )
    names = ("origin_id", "origin_slot", "target_id", "target_slot")
    link: Any = (
        {"id": key, **dict(zip(names, ends, strict=True)), "type": kind} if as_object else [key, *ends, kind]
    )
    draft.put(Section.LINK, str(key), link)
    draft.put_field("last_link_id", key)
    _set_input(draft, target, at, key)
    outputs = list(as_list(draft.node(origin).get("outputs")))
    outputs[slot] = {**outputs[slot], "links": [*as_list(outputs[slot].get("links")), key]}
    draft.change_node(origin, outputs=outputs)


def remove_link_to(draft: Draft, target: str, name: str) -> None:
    """Remove what is linked to an input, if anything is."""
    at = input_position(draft.node(target), name)
    for key, _, _, each, slot in list(draft.links()):
        if (each, slot) == (target, at):
            remove_link(draft, key)


def remove_links_of(draft: Draft, node: str) -> None:
    for key, origin, _, target, _ in list(draft.links()):
        if node in (origin, target):
            remove_link(draft, key)


def remove_link(draft: Draft, key: str) -> None:
    """Remove a link from the graph and from both of its ends."""
    _, origin, slot, target, at = next(link for link in draft.links() if link[0] == key)
    if origin == SUBGRAPH_INPUT:
        _forget_in_definition(draft, "inputs", key)
    elif _has(draft, origin):
        outputs = list(as_list(draft.node(origin).get("outputs")))
        if 0 <= slot < len(outputs):
            left = [each for each in as_list(outputs[slot].get("links")) if str(each) != key]
            outputs[slot] = {**outputs[slot], "links": left}
            draft.change_node(origin, outputs=outputs)
    if target == SUBGRAPH_OUTPUT:
        _forget_in_definition(draft, "outputs", key)
    elif _has(draft, target):
        _set_input(draft, target, at, None)
    draft.put(Section.LINK, key, None)


def input_position(node: Json, name: str) -> int:
    """Return where an input is; raise InvalidRequest when the node has none of that name."""
    for position, item in enumerate(as_list(node.get("inputs"))):
        if as_dict(item).get("name") == name:
            return position
    raise InvalidRequest(f"Node {node.get('id')} has no input `{name[:100]}`.", code="unknown_input")


def _set_input(draft: Draft, node: str, position: int, link: int | None) -> None:
    inputs = list(as_list(draft.node(node).get("inputs")))
    if 0 <= position < len(inputs):
        inputs[position] = {**inputs[position], "link": link}
        draft.change_node(node, inputs=inputs)


def _forget_in_definition(draft: Draft, side: str, key: str) -> None:
    slots = [
        {**slot, "linkIds": [each for each in as_list(slot.get("linkIds")) if str(each) != key]}
        if "linkIds" in as_dict(slot)
        else slot
        for slot in as_list(draft.graph.get(side))
    ]
    draft.put_field(side, slots)


def _has(draft: Draft, node: str) -> bool:
    return any(key == node for key, _ in draft.entries(Section.NODE))
