"""The values of a node's widgets by name. The editor saves them by position."""

from collections.abc import Iterable
from typing import Any

from backend.workflows.convert.editor_nodes import CONSTANTS, added_widgets
from backend.workflows.graph import Json, Node
from backend.workflows.signatures import COMBO, DYNAMIC_COMBO, InputSignature, NodeSignature

CONTROL_WORDS = frozenset({"fixed", "increment", "decrement", "randomize", "increment-wrap"})


def widget_values(node: Node, signature: NodeSignature | None) -> Json:
    """What each widget is set to; a widget without a saved value has the default of its type."""
    if signature is None:
        return {widget.name: widget.value for widget in node.widgets if widget.name is not None}
    values = _Values(node)
    found = dict(_assigned(signature.inputs, values))
    rest = values.rest()
    added = dict(zip(added_widgets(node.type, len(rest)), rest, strict=False))
    return {**found, **added, **CONSTANTS.get(node.type, {})}


def control_of(node: Node, signature: NodeSignature, name: str) -> str | None:
    """What the editor does to a value after each run: `fixed`, `randomize`, … None where it does nothing."""
    values = _Values(node)
    for _ in _assigned(signature.inputs, values):
        pass
    return values.controls.get(name)


class _Values:
    """The saved values of a node: by name where the file has names, else one after the other."""

    def __init__(self, node: Node):
        self._named = node.named_values
        self._values = node.values
        self._at = 0
        self.controls: dict[str, str] = {}

    def take(self, item: InputSignature) -> Any:
        if item.name in self._named:
            self._at += 1
            return self._named[item.name]
        if self._at >= len(self._values):
            return item.default
        self._at += 1
        return self._values[self._at - 1]

    def skip_control(self, item: InputSignature) -> None:
        """Pass what the editor keeps behind a value: a control word, and for a menu a filter."""
        if self._peek() in CONTROL_WORDS:
            self.controls[item.name] = self._values[self._at]
            self._at += 1
            if item.type == COMBO and self._peek() == "":
                self._at += 1

    def rest(self) -> tuple[Any, ...]:
        return self._values[self._at :]

    def _peek(self) -> str | None:
        value = self._values[self._at] if self._at < len(self._values) else None
        return value if isinstance(value, str) else None


def _assigned(inputs: Iterable[InputSignature], values: _Values) -> Iterable[tuple[str, Any]]:
    for item in inputs:
        if not item.is_widget:
            continue
        value = values.take(item)
        yield item.name, value
        if item.has_control:
            values.skip_control(item)
        if item.type == DYNAMIC_COMBO and isinstance(value, (str, int, float)):
            yield from _assigned(item.branches.get(value, ()), values)
