"""Finds the inputs of a workflow.

The form has those that the author chose for the editor's app mode (`extra.linearData`). Without them it has what the
instances of subgraphs show, and prompts, seeds, sizes, steps and files of the nodes around them. Every other widget is a
binding too, and can be set by its address.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from backend.workflows.bindings.models import Binding, Kind, kind_of
from backend.workflows.convert.instances import Scope, outer_input, root_scope, running_nodes
from backend.workflows.convert.links import Links
from backend.workflows.convert.values import PRIMITIVE_VALUE, Values
from backend.workflows.convert.widgets import CONTROL_WORDS, assigned_widgets
from backend.workflows.editor_nodes import EDITOR_ONLY, PRIMITIVES
from backend.workflows.graph import Json, Node, Workflow, WorkflowFormat
from backend.workflows.parsing import as_dict, as_list
from backend.workflows.signatures import Signatures

FORM_KINDS = frozenset({Kind.PROMPT, Kind.SEED, Kind.SIZE, Kind.STEPS, Kind.FILE})


def find_bindings(workflow: Workflow, object_info: Json, io: Json | None = None) -> tuple[Binding, ...]:
    """Return the inputs of a workflow, those of the form first.

    `io` is the entry of that name in the index of the official templates: it tells which nodes load files.
    """
    finder = _Finder(workflow, Signatures(object_info))
    found = list(finder.all())
    chosen = _chosen_by_author(workflow)
    files = {str(as_dict(item).get("nodeId")) for item in as_list(as_dict(io).get("inputs"))}
    marked = [replace(item, natural=_is_natural(item, chosen, files)) for item in found]
    return _named(sorted(marked, key=lambda item: (not item.natural, _order(item, chosen))))


class _Finder:
    def __init__(self, workflow: Workflow, signatures: Signatures):
        self._signatures = signatures
        self._values = Values(signatures)
        self._links = Links(self._values)
        self._root = root_scope(workflow)
        self._negative = _negative_prompts(workflow)
        self._is_prompt = workflow.format is WorkflowFormat.API

    def all(self) -> Iterator[Binding]:
        for node in self._root.graph.nodes:
            if node.id in self._root.inner:
                yield from self._shown_by_instance(node, self._root.inner[node.id])
        for scope, node in running_nodes(self._root):
            if node.type in PRIMITIVES:
                yield from self._of_primitive(scope, node)
            elif node.type not in EDITOR_ONLY:
                yield from self._of_node(scope, node)

    def _shown_by_instance(self, node: Node, scope: Scope) -> Iterator[Binding]:
        definition = scope.definition
        for slot, item in enumerate(definition.inputs if definition else ()):
            outer, widget = outer_input(scope, slot), self._values.target_widget(scope, slot)
            value = self._values.promoted(scope, slot)
            if widget is None or value is None or (outer is not None and outer.link is not None):
                continue
            label = (outer.label if outer else None) or item.label or item.name
            yield Binding(
                name=_slug(label),
                title=label,
                kind=kind_of(widget.signature, value.value, label),
                node_id=node.id,
                input=item.name,
                signature=widget.signature,
                default=value.value,
                control=widget.control,
            )

    def _of_node(self, scope: Scope, node: Node) -> Iterator[Binding]:
        signature = self._signatures.get(node.type)
        if signature is None:
            return
        linked = {item.name for item in node.inputs if self._links.origin(scope, item) is not None}
        values = self._values.of(scope, node)
        for widget in assigned_widgets(node, signature):
            name = widget.signature.name
            if name in linked or (self._is_prompt and name not in node.named_values):
                continue
            kind = kind_of(widget.signature, values[name], node.title or "")
            title = f"{node.title or signature.title}: {name}"
            yield Binding(
                name=self._name(scope, node, name, kind),
                title=title,
                kind=kind,
                node_id=f"{scope.prefix}{node.id}",
                input=name,
                signature=widget.signature,
                default=values[name],
                control=widget.control,
                natural=scope.parent is None and kind in FORM_KINDS,
            )

    def _of_primitive(self, scope: Scope, node: Node) -> Iterator[Binding]:
        """Yield a node that holds one value, declared as the widget that it is linked to."""
        value = self._values.primitive(scope, node)
        for link in scope.graph.links.values():
            target = scope.graph.by_id.get(link.target)
            if link.origin != node.id or target is None or not 0 <= link.target_slot < len(target.inputs):
                continue
            widget = self._values.widget(scope, target, target.inputs[link.target_slot].name)
            if widget is not None and value is not None:
                control = next((word for word in node.values[1:2] if word in CONTROL_WORDS), None)
                title = node.title or widget.signature.name
                kind = kind_of(widget.signature, value.value, title)
                yield Binding(
                    name=self._name(scope, node, widget.signature.name, kind),
                    title=title,
                    kind=kind,
                    node_id=f"{scope.prefix}{node.id}",
                    input=PRIMITIVE_VALUE,
                    signature=widget.signature,
                    default=value.value,
                    control=control,
                    natural=scope.parent is None,
                )
                return

    def _name(self, scope: Scope, node: Node, name: str, kind: Kind) -> str:
        if kind is not Kind.PROMPT:
            return _slug(node.title if node.title and name == PRIMITIVE_VALUE else name)
        is_negative = scope.parent is None and node.id in self._negative
        return "negative_prompt" if is_negative or "negative" in (node.title or "").lower() else "prompt"


def _negative_prompts(workflow: Workflow) -> set[str]:
    """Nodes that are linked to inputs named `negative`, and to none named `positive`."""
    found: dict[str, set[str]] = {}
    for link in workflow.graph.links.values():
        target = workflow.graph.by_id.get(link.target)
        if target is not None and 0 <= link.target_slot < len(target.inputs):
            found.setdefault(link.origin, set()).add(target.inputs[link.target_slot].name)
    return {node for node, names in found.items() if "negative" in names and "positive" not in names}


def _chosen_by_author(workflow: Workflow) -> dict[tuple[str, str], int]:
    """Return the inputs of the editor's app mode, in their order."""
    linear = as_dict(as_dict(workflow.document.get("extra")).get("linearData"))
    entries = [entry for entry in map(as_list, as_list(linear.get("inputs"))) if len(entry) >= 2]
    return {(str(entry[0]), str(entry[1])): position for position, entry in enumerate(entries)}


def _is_natural(item: Binding, chosen: dict[tuple[str, str], int], files: set[str]) -> bool:
    if item.kind is Kind.FILE and item.node_id in files:
        return True
    return (item.node_id, item.input) in chosen if chosen else item.natural


def _order(item: Binding, chosen: dict[tuple[str, str], int]) -> int:
    """Return the author's order, then the order of kinds."""
    kinds = tuple(Kind)
    return chosen.get((item.node_id, item.input), len(chosen) + kinds.index(item.kind))


def _named(bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    """Return them with unique names: where several have one name, the later ones get their node's id."""
    taken: dict[str, Any] = {}
    for item in bindings:
        name = item.name
        if name in taken:
            name = f"{name}_{_slug(item.node_id)}"
        if name in taken:
            name = f"{_slug(item.input)}_{_slug(item.node_id)}_{len(taken)}"
        taken[name] = replace(item, name=name)
    return tuple(taken.values())


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text.lower()).strip("_") or "input"
