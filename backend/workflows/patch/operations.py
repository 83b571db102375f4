"""The operations of a patch. Each works on both formats, except where a format has no such thing."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from backend.core.errors import InvalidRequest
from backend.workflows.api_format import is_link
from backend.workflows.convert.widgets import widget_values
from backend.workflows.graph import Json
from backend.workflows.parsing import as_dict, as_list
from backend.workflows.patch import links
from backend.workflows.patch.changes import Change, Patched, Section, subgraph_ids
from backend.workflows.patch.draft import Draft
from backend.workflows.patch.nodes import new_node, replaced_text, with_title, with_value
from backend.workflows.patch.wiring import check_no_circle, fitting_types, incoming, outgoing
from backend.workflows.signatures import NodeSignature, Signatures
from backend.workflows.ui_format import read_node

MODES = {"active": 0, "muted": 2, "bypassed": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class _InGraph:
    # Id of the subgraph whose definition is meant; None for the workflow's own graph.
    graph: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetInput(_InGraph):
    """Set the value of a widget."""

    node: str
    input: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AddNode(_InGraph):
    """Add a node with default values, and with those of `inputs`."""

    type: str
    inputs: Json = field(default_factory=dict)
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveNode(_InGraph):
    """Remove a node with its links."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceNode(_InGraph):
    """Put a node of another type in the place of one; values and links that fit stay."""

    node: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect(_InGraph):
    """Link an output to an input; what was linked to the input is unlinked."""

    origin: str
    slot: int
    target: str
    input: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect(_InGraph):
    """Remove what is linked to an input."""

    target: str
    input: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMode(_InGraph):
    """Make a node `active`, `muted` or `bypassed`."""

    node: str
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename(_InGraph):
    """Give a node a title."""

    node: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapModel(_InGraph):
    """Choose another file wherever one is chosen, in a subgraph or, without one, in the whole workflow."""

    old: str
    new: str


Operation: TypeAlias = (
    SetInput | AddNode | RemoveNode | ReplaceNode | Connect | Disconnect | SetMode | Rename | SwapModel
)


def patch(document: Json, operations: Iterable[Operation], object_info: Json) -> Patched:
    """Apply operations one after the other; raise InvalidRequest at the first that cannot be done.

    The document stays as it is: either all operations are in the returned one, or there is none.
    """
    signatures = Signatures(object_info)
    changes: list[Change] = []
    for operation in operations:
        for graph in _graphs(document, operation):
            draft = Draft(document, graph)
            _perform(draft, operation, signatures)
            document = draft.document
            changes += draft.changes
    return Patched(document=document, changes=tuple(changes))


def _graphs(document: Json, operation: Operation) -> list[str | None]:
    if isinstance(operation, SwapModel) and operation.graph is None:
        return [None, *subgraph_ids(document)]
    return [operation.graph]


def _perform(draft: Draft, operation: Operation, signatures: Signatures) -> None:  # noqa: C901 - one case for each
    match operation:
        case SetInput(node=key, input=name, value=value):
            node = draft.node(key)
            draft.put(Section.NODE, key, with_value(node, name, value, signatures.get(_type_of(node))))
        case AddNode(type=kind, inputs=values, title=title):
            _add(draft, _signature(signatures, kind), values, title)
        case RemoveNode(node=key):
            draft.node(key)
            _unlink(draft, key)
            draft.put(Section.NODE, key, None)
        case ReplaceNode(node=key, type=kind):
            _replace(draft, key, _signature(signatures, kind), signatures)
        case Connect(origin=origin, slot=slot, target=target, input=name):
            _connect(draft, origin, slot, target, name, signatures)
        case Disconnect(target=target, input=name):
            _disconnect(draft, target, name)
        case SetMode(node=key, mode=mode):
            _set_mode(draft, key, mode)
        case Rename(node=key, title=title):
            draft.put(Section.NODE, key, with_title(draft.node(key), title))
        case SwapModel(old=old, new=new):
            for key, node in draft.entries(Section.NODE):
                draft.put(Section.NODE, key, replaced_text(as_dict(node), old, new))


def _add(draft: Draft, signature: NodeSignature, values: Json, title: str | None) -> None:
    key = draft.next_id(Section.NODE)
    node = new_node(draft, key, signature)
    for name, value in values.items():
        node = with_value(node, name, value, signature)
    draft.put(Section.NODE, str(key), with_title(node, title) if title else node)
    draft.put_field("last_node_id", key)


def _replace(draft: Draft, key: str, signature: NodeSignature, signatures: Signatures) -> None:
    old = draft.node(key)
    node = new_node(draft, old.get("id", key), signature)
    for name, value in _values_of(old, signatures).items():
        with contextlib.suppress(InvalidRequest):  # a widget that the new type does not have
            node = with_value(node, name, value, signature)
    if not draft.is_ui:
        linked = {name: value for name, value in as_dict(old.get("inputs")).items() if is_link(value)}
        inputs = {name: value for name, value in linked.items() if signature.input(name)}
        draft.put(Section.NODE, key, {**node, "inputs": {**node["inputs"], **inputs}})
        return
    sources, takers = incoming(draft, key), outgoing(draft, key)
    _unlink(draft, key)
    same_place = {name: old[name] for name in ("pos", "mode", "order", "flags") if name in old}
    draft.put(Section.NODE, key, {**node, **same_place})
    wanted = [(origin, slot, key, name) for name, origin, slot in sources]
    for link in (*wanted, *((key, slot, target, name) for slot, target, name in takers)):
        with contextlib.suppress(InvalidRequest):  # a link that does not fit the new type
            _connect(draft, *link, signatures)


def _values_of(node: Json, signatures: Signatures) -> Json:
    if "class_type" in node:
        return {name: value for name, value in as_dict(node.get("inputs")).items() if not is_link(value)}
    return widget_values(read_node(node), signatures.get(_type_of(node)))


def _connect(draft: Draft, origin: str, slot: int, target: str, name: str, signatures: Signatures) -> None:
    source, taker = draft.node(origin), draft.node(target)
    kind = fitting_types(source, slot, taker, name, signatures)
    check_no_circle(draft, origin, target)
    if draft.is_ui:
        links.add_link(draft, origin, slot, target, name, kind)
    else:
        draft.change_node(target, inputs={**as_dict(taker.get("inputs")), name: [origin, slot]})


def _disconnect(draft: Draft, target: str, name: str) -> None:
    node = draft.node(target)
    if draft.is_ui:
        links.remove_link_to(draft, target, name)
    elif isinstance(as_dict(node.get("inputs")).get(name), list):
        draft.change_node(target, inputs={key: value for key, value in node["inputs"].items() if key != name})


def _unlink(draft: Draft, key: str) -> None:
    if draft.is_ui:
        links.remove_links_of(draft, key)
        return
    for other, node in draft.entries(Section.NODE):
        inputs = as_dict(as_dict(node).get("inputs"))
        left = {name: value for name, value in inputs.items() if as_list(value)[:1] != [key]}
        if left != inputs:
            draft.change_node(other, inputs=left)


def _set_mode(draft: Draft, key: str, mode: str) -> None:
    if mode not in MODES:
        raise InvalidRequest(
            f"A node is {', '.join(MODES)}; `{mode[:50]}` is none of these.", code="unknown_mode"
        )
    if not draft.is_ui:
        raise InvalidRequest("A prompt has no muted or bypassed nodes. Remove the node.", code="no_modes")
    draft.change_node(key, mode=MODES[mode])


def _signature(signatures: Signatures, kind: str) -> NodeSignature:
    signature = signatures.get(kind)
    if signature is None:
        raise InvalidRequest(f"ComfyUI has no node type `{kind[:100]}`.", code="unknown_type")
    return signature


def _type_of(node: Json) -> str:
    return str(node.get("type") or node.get("class_type"))
