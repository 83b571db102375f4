"""The values of a node's widgets by name. The editor saves them by position."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from backend.workflows.editor_nodes import CONSTANTS, added_widgets
from backend.workflows.graph import Json, Node
from backend.workflows.signatures import COMBO, DYNAMIC_COMBO, InputSignature, NodeSignature

CONTROL_WORDS = frozenset({"fixed", "increment", "decrement", "randomize", "increment-wrap"})


class AssignedWidget(NamedTuple):
    """A widget of a node with its value."""

    signature: InputSignature
    value: Any
    # What the editor does to the value after each run: `fixed`, `randomize`, … None where it does nothing.
    control: str | None
    # Where a file that lists values by position has it, or would have it.
    position: int


def default_values(inputs: Iterable[InputSignature]) -> list[Any]:
    """Return the values of a new node, as the editor lists them."""
    found: list[Any] = []
    for item in inputs:
        if item.is_widget:
            found += [item.default, *(["fixed"] if item.has_control else [])]
            found += [""] if item.has_control and item.type == COMBO else []
            found += default_values(item.branches.get(item.default, ())) if item.type == DYNAMIC_COMBO else []
    return found


def widget_values(node: Node, signature: NodeSignature | None) -> Json:
    """Return what each widget is set to; a widget without a saved value has the default of its type."""
    if signature is None:
        return {widget.name: widget.value for widget in node.widgets if widget.name is not None}
    values = _Values(node)
    found = {widget.signature.name: widget.value for widget in _assigned(signature.inputs, values)}
    rest = values.rest()
    added = dict(zip(added_widgets(node.type, len(rest)), rest, strict=False))
    return {**found, **added, **CONSTANTS.get(node.type, {})}


def assigned_widgets(node: Node, signature: NodeSignature) -> list[AssignedWidget]:
    """Return the declared widgets of a node, with those that the choice of a dynamic menu brings."""
    return list(_assigned(signature.inputs, _Values(node)))


class _Values:
    """The saved values of a node: by name where the file has names, else one after the other."""

    def __init__(self, node: Node):
        self._named = node.named_values
        self._values = node.values
        self._at = 0

    @property
    def position(self) -> int:
        return self._at

    def take(self, item: InputSignature) -> Any:
        if item.name in self._named:
            self._at += 1
            return self._named[item.name]
        self._at += 1
        return self._values[self._at - 1] if self._at <= len(self._values) else item.default

    def take_control(self, item: InputSignature) -> str | None:
        """Take what the editor keeps behind a value: a control word, and for a menu a filter."""
        word = self._peek()
        if not item.has_control or word not in CONTROL_WORDS:
            return None
        self._at += 1
        if item.type == COMBO and self._peek() == "":
            self._at += 1
        return word

    def rest(self) -> tuple[Any, ...]:
        return self._values[self._at :]

    def _peek(self) -> str | None:
        value = self._values[self._at] if self._at < len(self._values) else None
        return value if isinstance(value, str) else None


def _assigned(inputs: Iterable[InputSignature], values: _Values) -> Iterator[AssignedWidget]:
    for item in inputs:
        if not item.is_widget:
            continue
        position = values.position
        value = values.take(item)
        yield AssignedWidget(item, value, values.take_control(item), position)
        if item.type == DYNAMIC_COMBO and isinstance(value, (str, int, float)):
            yield from _assigned(item.branches.get(value, ()), values)
