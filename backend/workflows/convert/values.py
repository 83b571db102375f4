"""The values of widgets, with what instances of subgraphs set from outside.

An instance shows widgets of the nodes inside it. Newer files do it through the subgraph's inputs: the instance's
values belong, in order, to those inputs that lead to a widget. Older files list the widgets in
`properties.proxyWidgets`, and a value for each, or none: then the inner node's own value holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from backend.workflows.convert.instances import Scope
from backend.workflows.convert.widgets import AssignedWidget, assigned_widgets, widget_values
from backend.workflows.graph import Input, Json, Node
from backend.workflows.parsing import as_list
from backend.workflows.signatures import Signatures

# In `proxyWidgets`, the id that stands for the subgraph's own inputs.
_OWN_INPUTS = "-1"
# The name of a primitive's only widget.
PRIMITIVE_VALUE = "value"
# Values by inner node and widget.
_Proxies = dict[str, dict[str, Any]]
# Values to take instead of those in the file, by the id of the running node or the instance, and by name.
Replacements: TypeAlias = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Value:
    """A value instead of a link."""

    value: Any


@dataclass(frozen=True, slots=True)
class _Target:
    """The first widget that an input of a subgraph leads to."""

    node: Node
    name: str


class Values:
    """What the widgets of a workflow are set to."""

    def __init__(self, signatures: Signatures, replaced: Replacements | None = None):
        self._signatures = signatures
        self._replaced = replaced or {}
        self._proxies: dict[int, _Proxies] = {}
        self._targets: dict[tuple[int, int], _Target | None] = {}
        self._promoted: dict[int, dict[int, Value]] = {}

    def of(self, scope: Scope, node: Node) -> Json:
        """Return the values of a node's own widgets, as the instance around it has set them."""
        own = widget_values(node, self._signatures.get(node.type))
        shown = self._proxies_of(scope).get(node.id, {})
        own |= {name: value for name, value in shown.items() if name in own}
        return {**own, **self._replaced.get(f"{scope.prefix}{node.id}", {})}

    def primitive(self, scope: Scope, node: Node) -> Value | None:
        """Return the value of a node that only holds one."""
        replaced = self._replaced.get(f"{scope.prefix}{node.id}", {})
        if PRIMITIVE_VALUE in replaced:
            return Value(replaced[PRIMITIVE_VALUE])
        shown = self._proxies_of(scope).get(node.id, {}).values()
        own = (widget.value for widget in node.widgets)
        return next((Value(value) for value in (*shown, *own)), None)

    def promoted(self, scope: Scope, slot: int) -> Value | None:
        """Return what an instance shows for one of its inputs that nothing is linked to."""
        if scope.definition is not None and 0 <= slot < len(scope.definition.inputs):
            replaced = self._replaced.get(scope.prefix.rstrip(":"), {})
            name = scope.definition.inputs[slot].name
            if name in replaced:
                return Value(replaced[name])
        set_outside = self._set_outside(scope, slot)
        if set_outside is not None:
            return set_outside
        if id(scope) not in self._promoted:
            self._promoted[id(scope)] = self._set_here(scope)
        found = self._promoted[id(scope)].get(slot)
        target = self._target(scope, slot)
        return found or (self._inner(scope, target) if target else None)

    def target_widget(self, scope: Scope, slot: int) -> AssignedWidget | None:
        """Return the widget that an input of an instance shows, in the innermost subgraph."""
        target = self._target(scope, slot)
        return self.widget(scope, target.node, target.name) if target else None

    def widget(self, scope: Scope, node: Node, name: str) -> AssignedWidget | None:
        """Return a widget of a node, or the one that an instance shows under that name."""
        inner = scope.inner.get(node.id)
        if inner is not None and inner.definition is not None:
            return self.target_widget(inner, _position(inner.definition.inputs, name))
        signature = self._signatures.get(node.type)
        widgets = assigned_widgets(node, signature) if signature else []
        return next((widget for widget in widgets if widget.signature.name == name), None)

    def _set_outside(self, scope: Scope, slot: int) -> Value | None:
        """Return what the instance around this instance shows for it."""
        if scope.parent is None or scope.instance is None or scope.definition is None:
            return None
        shown = self._proxies_of(scope.parent).get(scope.instance.id, {})
        target = self._target(scope, slot)
        names = (scope.definition.inputs[slot].name, *([target.name] if target else []))
        return next((Value(shown[name]) for name in names if name in shown), None)

    def _set_here(self, scope: Scope) -> dict[int, Value]:
        """Return the instance's own values by the position of the input."""
        instance, definition = scope.instance, scope.definition
        if instance is None or definition is None:
            return {}
        proxies, found, position = self._proxies_of(scope), dict[int, Value](), 0
        for slot, item in enumerate(definition.inputs):
            target = self._target(scope, slot)
            if target is None:
                continue
            if item.name in instance.named_values:
                found[slot] = Value(instance.named_values[item.name])
            elif position < len(instance.values):
                found[slot] = Value(instance.values[position])
            for key, name in ((target.node.id, target.name), (_OWN_INPUTS, item.name)):
                if name in proxies.get(key, {}):
                    found[slot] = Value(proxies[key][name])
            position += 1
        return found

    def _inner(self, scope: Scope, target: _Target) -> Value | None:
        inner = scope.inner.get(target.node.id)
        if inner is not None and inner.definition is not None:
            return self.promoted(inner, _position(inner.definition.inputs, target.name))
        own = self.of(scope, target.node)
        return Value(own[target.name]) if target.name in own else None

    def _target(self, scope: Scope, slot: int) -> _Target | None:
        key = (id(scope), slot)
        if key not in self._targets:
            self._targets[key] = self._find_target(scope, slot)
        return self._targets[key]

    def _find_target(self, scope: Scope, slot: int) -> _Target | None:
        links = scope.definition.links_from_input.get(slot, ()) if scope.definition else ()
        for link in links:
            node = scope.graph.by_id.get(link.target)
            if node is None or not 0 <= link.target_slot < len(node.inputs):
                continue
            item = node.inputs[link.target_slot]
            inner = scope.inner.get(node.id)
            if inner is not None and inner.definition is not None:
                position = _position(inner.definition.inputs, item.name)
                if self._target(inner, position):
                    return _Target(node, item.name)
            elif self._is_widget(node, item):
                return _Target(node, item.widget or item.name)
        return None

    def _is_widget(self, node: Node, item: Input) -> bool:
        signature = self._signatures.get(node.type)
        declared = signature.input(item.name) if signature else None
        return item.widget is not None if declared is None else declared.is_widget

    def _proxies_of(self, scope: Scope) -> _Proxies:
        """Return the values for `properties.proxyWidgets` of the instance."""
        if id(scope) not in self._proxies:
            self._proxies[id(scope)] = _proxies(scope.instance) if scope.instance else {}
        return self._proxies[id(scope)]


def _proxies(instance: Node) -> _Proxies:
    entries = [as_list(entry) for entry in as_list(instance.properties.get("proxyWidgets"))]
    found: _Proxies = {}
    for entry, value in zip(entries, instance.values, strict=False):
        if len(entry) >= 2:
            found.setdefault(str(entry[0]), {})[str(entry[1])] = value
    return found


def _position(inputs: tuple[Input, ...], name: str) -> int:
    return next((position for position, item in enumerate(inputs) if item.name == name), -1)
