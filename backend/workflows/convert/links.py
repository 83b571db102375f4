"""Follows a link back to the node that makes the value, through subgraphs, reroutes and bypassed nodes."""

from dataclasses import dataclass
from typing import TypeAlias

from backend.core.errors import InvalidRequest
from backend.workflows.convert.instances import Scope, first_value, outer_input
from backend.workflows.convert.values import Value, Values
from backend.workflows.editor_nodes import EDITOR_ONLY, GETTER, PASS_THROUGH, PRIMITIVES, SETTER
from backend.workflows.graph import SUBGRAPH_INPUT, Input, Link, LinkId, Node, types_fit


@dataclass(frozen=True, slots=True)
class Output:
    """The output of a node that runs."""

    node_id: str
    slot: int


Origin: TypeAlias = Output | Value | None


@dataclass(frozen=True, slots=True, eq=False)
class _AtInput:
    """A step of the walk: what is linked to an input?"""

    scope: Scope
    link: LinkId | None
    # Type that the input takes.
    type: str


@dataclass(frozen=True, slots=True, eq=False)
class _AtOutput:
    """A step of the walk: what makes the value of an output?"""

    scope: Scope
    node: Node
    slot: int
    type: str


_Step: TypeAlias = _AtInput | _AtOutput | Output | Value | None


class Links:
    """The links of a workflow whose subgraphs are expanded."""

    def __init__(self, values: Values):
        self._values = values
        self._known: dict[tuple[int, str, int, str], Origin] = {}

    def origin(self, scope: Scope, item: Input) -> Origin:
        """Return where the value of an input comes from; None when nothing that runs is linked to it."""
        step: _Step = _AtInput(scope, item.link, item.type)
        passed: dict[tuple[int, str, int, str], None] = {}
        while isinstance(step, (_AtInput, _AtOutput)):
            if isinstance(step, _AtInput):
                step = self._before_input(step)
                continue
            key = (id(step.scope), step.node.id, step.slot, step.type)
            if key in passed:
                raise _circular(step)
            if key in self._known:
                step = self._known[key]
                break
            passed[key] = None
            step = self._before_output(step)
        self._known.update(dict.fromkeys(passed, step))
        return step

    def _before_input(self, step: _AtInput) -> _Step:
        link = None if step.link is None else step.scope.graph.links.get(step.link)
        if link is None:
            return None
        if link.origin == SUBGRAPH_INPUT:
            return self._outside(step, link)
        node = step.scope.graph.by_id.get(link.origin)
        return _AtOutput(step.scope, node, link.origin_slot, step.type) if node else None

    def _outside(self, step: _AtInput, link: Link) -> _Step:
        """Return what the instance around the scope has for one of its inputs: a link, else a promoted value."""
        scope = step.scope
        if scope.parent is None:
            return None
        item = outer_input(scope, link.origin_slot)
        if item is not None and item.link is not None:
            return _AtInput(scope.parent, item.link, item.type)
        return self._values.promoted(scope, link.origin_slot)

    def _before_output(self, step: _AtOutput) -> _Step:
        scope, node = step.scope, step.node
        if not node.is_active:
            return _through_bypassed(step) if node.is_bypassed else None
        if node.id in scope.inner:
            return _inside(step)
        if node.type in EDITOR_ONLY:
            return self._before_editor_node(step)
        return Output(f"{scope.prefix}{node.id}", step.slot)

    def _before_editor_node(self, step: _AtOutput) -> _Step:
        node = step.node
        if node.type in PRIMITIVES:
            return self._values.primitive(step.scope, node)
        if node.type == GETTER:
            return _at_setter(step)
        passes_on = node.type in PASS_THROUGH or node.type == SETTER
        return _AtInput(step.scope, node.inputs[0].link, step.type) if passes_on and node.inputs else None


def _inside(step: _AtOutput) -> _Step:
    """Return what is linked to an output of an instance, inside it."""
    inner = step.scope.inner[step.node.id]
    link = inner.definition.link_to_output.get(step.slot) if inner.definition else None
    return _AtInput(inner, link.id, step.type) if link else None


def _through_bypassed(step: _AtOutput) -> _Step:
    """A bypassed node hands on the input that fits: the one at the same position, else the first of that type."""
    inputs, outputs = step.node.inputs, step.node.outputs
    if not inputs or not 0 <= step.slot < len(outputs):
        return None
    made = outputs[step.slot].type
    if step.type == "*":
        chosen = inputs[step.slot] if step.slot < len(inputs) else inputs[0]
        return _AtInput(step.scope, chosen.link, chosen.type)
    same_position = inputs[step.slot : step.slot + 1]
    fitting = [item for item in inputs if types_fit(item.type, made) and types_fit(item.type, step.type)]
    exact = [item for item in inputs if item.type == step.type]
    for item in (*(item for item in same_position if item in fitting), *exact, *fitting):
        return _AtInput(step.scope, item.link, item.type)
    return None


def _at_setter(step: _AtOutput) -> _Step:
    """Return the setter with the getter's name, in the same graph or one around it."""
    name = first_value(step.node)
    scope: Scope | None = step.scope
    while scope is not None and name is not None:
        setter = scope.setters.get(name)
        if setter is not None:
            return _AtOutput(scope, setter, 0, step.type)
        scope = scope.parent
    return None


def _circular(step: _AtOutput) -> InvalidRequest:
    return InvalidRequest(
        f"The links of the workflow form a circle at node {step.scope.prefix}{step.node.id} ({step.node.type}).",
        code="circular_links",
    )
