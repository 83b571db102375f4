"""Nodes of a document: new ones, and ones with another value, title or file."""

from typing import Any

from backend.core.errors import InvalidRequest
from backend.workflows.convert.widgets import AssignedWidget, assigned_widgets, default_values
from backend.workflows.graph import Json
from backend.workflows.parsing import as_dict, as_list
from backend.workflows.patch.changes import Section
from backend.workflows.patch.draft import Draft
from backend.workflows.signatures import COMBO, DYNAMIC_COMBO, InputSignature, NodeSignature
from backend.workflows.ui_format import read_node

_GAP, _SIZE = 60, [300, 180]


def new_node(draft: Draft, key: Any, signature: NodeSignature) -> Json:
    """Return a node with the values of a new one, to the right of the others."""
    if not draft.is_ui:
        values = {item.name: item.default for item in signature.inputs if item.is_widget}
        return {"class_type": signature.name, "inputs": values, "_meta": {"title": signature.title}}
    inputs = [
        {"name": item.name, "type": item.type, "link": None}
        | ({"widget": {"name": item.name}} if item.is_widget else {})
        for item in signature.inputs
    ]
    return {
        "id": key,
        "type": signature.name,
        "pos": _free_place(draft),
        "size": list(_SIZE),
        "flags": {},
        "order": len(draft.entries(Section.NODE)),
        "mode": 0,
        "inputs": inputs,
        "outputs": [{"name": kind, "type": kind, "links": []} for kind in signature.outputs],
        "properties": {"Node name for S&R": signature.name},
        "widgets_values": default_values(signature.inputs),
    }


def with_value(node: Json, name: str, value: Any, signature: NodeSignature | None) -> Json:
    """Return the node with another value; raise InvalidRequest when it has no such widget."""
    if "class_type" in node:
        literal = {"__value__": value} if isinstance(value, list) else value
        _widget(node, name, signature, as_dict(node.get("inputs")))
        return {**node, "inputs": {**as_dict(node.get("inputs")), name: literal}}
    if isinstance(node.get("widgets_values"), dict):
        _widget(node, name, signature, node["widgets_values"])
        return {**node, "widgets_values": {**node["widgets_values"], name: value}}
    widget = _widget(node, name, signature, {})
    assert widget is not None  # noqa: S101 - without named values, it is declared
    if signature is not None and widget.position >= len(as_list(node.get("widgets_values"))):
        node = {**node, "widgets_values": _complete(node, signature)}
        widget = _widget(node, name, signature, {}) or widget
    values = _placed(node, widget, value)
    named = as_dict(node.get("widgets_values_named"))
    return {**node, "widgets_values": values} | (
        {"widgets_values_named": {**named, name: value}} if named else {}
    )


def with_title(node: Json, title: str) -> Json:
    if "class_type" in node:
        return {**node, "_meta": {**as_dict(node.get("_meta")), "title": title}}
    return {**node, "title": title}


def replaced_text(node: Json, old: str, new: str) -> Json:
    """Return the node with one text instead of another wherever a value is that text."""
    fields = ("widgets_values", "widgets_values_named", "inputs" if "class_type" in node else "")
    changed = {name: _replaced(node[name], old, new) for name in fields if name in node}
    return {**node, **changed}


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {
            key: _replaced(inner, old, new) if not isinstance(inner, list) else inner
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_replaced(inner, old, new) if not isinstance(inner, list) else inner for inner in value]
    return new if value == old else value


def _complete(node: Json, signature: NodeSignature) -> list[Any]:
    """Return the values by position with those that the file lacks, as the editor lists them."""
    found: list[Any] = []
    for widget in assigned_widgets(read_node(node), signature):
        found.append(widget.value)
        if widget.signature.has_control:
            found += [widget.control or "fixed", *([""] if widget.signature.type == COMBO else [])]
    return found


def _placed(node: Json, widget: AssignedWidget, value: Any) -> list[Any]:
    """Return the values by position with a new one; the choice of a dynamic menu brings others."""
    values = list(as_list(node.get("widgets_values")))
    if widget.signature.type != DYNAMIC_COMBO or values[widget.position] == value:
        values[widget.position] = value
        return values
    branches = widget.signature.branches
    before = len(default_values(_branch(branches, values[widget.position])))
    brought = default_values(_branch(branches, value))
    return [*values[: widget.position], value, *brought, *values[widget.position + 1 + before :]]


def _branch(branches: dict[Any, tuple[InputSignature, ...]], key: Any) -> tuple[InputSignature, ...]:
    return branches.get(key, ()) if isinstance(key, (str, int, float)) else ()


def _widget(node: Json, name: str, signature: NodeSignature | None, named: Json) -> AssignedWidget | None:
    widgets = assigned_widgets(read_node(node), signature) if signature and "class_type" not in node else []
    found = next((widget for widget in widgets if widget.signature.name == name), None)
    declared = signature.input(name) if signature else None
    if found is None and name not in named and not (declared and declared.is_widget and "class_type" in node):
        reason = "" if signature else " ComfyUI does not know its type."
        raise InvalidRequest(
            f"Node {node.get('id', '')} has no value `{name[:100]}` that can be set.{reason}",
            code="unknown_input",
        )
    return found


def _free_place(draft: Draft) -> list[float]:
    """Return a place to the right of the rightmost node, at its height."""
    right, top = 0.0, 0.0
    for _, node in draft.entries(Section.NODE):
        place, size = as_list(as_dict(node).get("pos")), as_list(as_dict(node).get("size"))
        numbers = [each for each in (*place[:2], *size[:1]) if isinstance(each, (int, float))]
        if len(numbers) == 3 and numbers[0] + numbers[2] + _GAP > right:
            right, top = numbers[0] + numbers[2] + _GAP, numbers[1]
    return [right, top]
