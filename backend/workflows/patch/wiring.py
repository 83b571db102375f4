"""Which outputs fit which inputs, and what keeps its links when a node is replaced."""

from collections.abc import Iterator

from backend.core.errors import InvalidRequest
from backend.workflows.api_format import is_link
from backend.workflows.graph import Json, types_fit
from backend.workflows.parsing import as_dict, as_list
from backend.workflows.patch.changes import Section
from backend.workflows.patch.draft import Draft
from backend.workflows.patch.links import input_position
from backend.workflows.signatures import Signatures

MATCHING = "COMFY_MATCHTYPE_V3"


def fitting_types(origin: Json, slot: int, target: Json, name: str, signatures: Signatures) -> str:
    """Return the type of an output; raise InvalidRequest when it is not there or does not fit the input."""
    made, taken = _output_type(origin, slot, signatures), _input_type(target, name, signatures)
    if not types_fit(made, taken):
        raise InvalidRequest(
            f"The output has type {made[:100]}, and the input `{name[:100]}` takes {taken[:100]}.",
            code="types_differ",
        )
    return made


def check_no_circle(draft: Draft, origin: str, target: str) -> None:
    """Raise InvalidRequest when the origin depends on the target already."""
    sources: dict[str, set[str]] = {}
    for source, taker in _dependencies(draft):
        sources.setdefault(taker, set()).add(source)
    pending, seen = [origin], set[str]()
    while pending:
        key = pending.pop()
        if key == target:
            raise InvalidRequest("The link would form a circle.", code="circular_links")
        if key not in seen:
            seen.add(key)
            pending.extend(sources.get(key, ()))


def incoming(draft: Draft, key: str) -> list[tuple[str, str, int]]:
    """(input, origin, its slot) of what is linked to a node."""
    inputs = as_list(draft.node(key).get("inputs"))
    return [
        (str(as_dict(inputs[at]).get("name")), origin, slot)
        for _, origin, slot, target, at in draft.links()
        if target == key and at < len(inputs)
    ]


def outgoing(draft: Draft, key: str) -> list[tuple[int, str, str]]:
    """(slot, target, its input) of what a node is linked to."""
    found = []
    for _, origin, slot, target, at in draft.links():
        node = next((as_dict(node) for each, node in draft.entries(Section.NODE) if each == target), {})
        inputs = as_list(node.get("inputs"))
        if origin == key and at < len(inputs):
            found.append((slot, target, str(as_dict(inputs[at]).get("name"))))
    return found


def _dependencies(draft: Draft) -> Iterator[tuple[str, str]]:
    yield from ((origin, target) for _, origin, _, target, _ in draft.links())
    if not draft.is_ui:
        for key, node in draft.entries(Section.NODE):
            values = as_dict(as_dict(node).get("inputs")).values()
            yield from ((str(value[0]), key) for value in values if is_link(value))


def _output_type(node: Json, slot: int, signatures: Signatures) -> str:
    if "class_type" in node:
        signature = signatures.get(str(node["class_type"]))
        types = list(signature.outputs) if signature else ["*"] * (slot + 1)
    else:
        types = [str(as_dict(item).get("type") or "*") for item in as_list(node.get("outputs"))]
    if not 0 <= slot < len(types):
        raise InvalidRequest(f"The node has no output {slot}; it has {len(types)}.", code="unknown_output")
    return "*" if types[slot] == MATCHING else types[slot]


def _input_type(node: Json, name: str, signatures: Signatures) -> str:
    if "class_type" not in node:
        found = as_dict(as_list(node.get("inputs"))[input_position(node, name)]).get("type")
        return str(found or "*")
    signature = signatures.get(str(node["class_type"]))
    declared = signature.input(name) if signature else None
    if (
        signature
        and declared is None
        and name.partition(".")[0] not in {each.name for each in signature.inputs}
    ):
        raise InvalidRequest(f"{node['class_type']} has no input `{name[:100]}`.", code="unknown_input")
    kind = declared.type if declared else "*"
    return "*" if kind.startswith("COMFY_") else kind
