"""Puts the prompt together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.core.errors import InvalidRequest
from backend.workflows.convert.instances import Scope, root_scope, running_nodes
from backend.workflows.convert.links import Links, Output
from backend.workflows.convert.values import Replacements, Value, Values
from backend.workflows.editor_nodes import EDITOR_ONLY
from backend.workflows.graph import Json, Node, Workflow, WorkflowFormat
from backend.workflows.parsing import as_dict
from backend.workflows.signatures import Signatures


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """A prompt for `POST /prompt`, and what could not be known while it was made."""

    prompt: Json
    # Types that the `object_info` does not have, by the ids of their nodes. Their widgets are taken as far
    # as the file names them.
    unknown_types: dict[str, str]


def convert(workflow: Workflow, object_info: Json, replaced: Replacements | None = None) -> Conversion:
    """Convert a workflow; raise InvalidRequest when its links or subgraphs form a circle, or nothing runs.

    `object_info` is what ComfyUI tells about the node types of the workflow; more does no harm.
    `replaced` are values to take instead of those in the file, by the id of the node or instance and by name.
    """
    if workflow.format is WorkflowFormat.API:
        unknown = {node.id: node.type for node in workflow.graph.nodes if node.type not in object_info}
        return Conversion(prompt=_with(workflow.document, replaced or {}), unknown_types=unknown)
    _refuse_group_nodes(workflow)
    signatures = Signatures(object_info)
    values = Values(signatures, replaced)
    links = Links(values)
    prompt: Json = {}
    for scope, node in running_nodes(root_scope(workflow)):
        if node.type not in EDITOR_ONLY:
            prompt[f"{scope.prefix}{node.id}"] = _entry(scope, node, values, links, signatures)
    if not prompt:
        raise InvalidRequest(
            "No node of the workflow runs: all are muted, bypassed or notes.", code="nothing_runs"
        )
    kinds = {key: entry["class_type"] for key, entry in prompt.items()}
    return Conversion(
        prompt=prompt, unknown_types={key: kind for key, kind in kinds.items() if kind not in object_info}
    )


def _refuse_group_nodes(workflow: Workflow) -> None:
    group = next(
        (node for node in workflow.all_nodes if node.type in workflow.groups and node.is_active), None
    )
    if group is not None:
        raise InvalidRequest(
            f"The workflow has the group node `{group.type[:100]}`, which only older versions of ComfyUI run. "
            "Open it in ComfyUI, convert the group to a subgraph and save it.",
            code="group_nodes",
        )


def _entry(scope: Scope, node: Node, values: Values, links: Links, signatures: Signatures) -> Json:
    signature = signatures.get(node.type)
    curves = {item.name for item in signature.inputs if item.type == "CURVE"} if signature else set()
    inputs = {name: literal(value, curve=name in curves) for name, value in values.of(scope, node).items()}
    for item in node.inputs:
        match links.origin(scope, item):
            case Output(node_id, slot):
                inputs[item.name] = [node_id, slot]
            case Value(value):
                inputs[item.name] = literal(value)
    title = node.title or (signature.title if signature else node.type)
    return {"class_type": node.type, "inputs": inputs, "_meta": {"title": title}}


def literal(value: Any, *, curve: bool = False) -> Any:
    """Return a value as ComfyUI takes it: a bare list would be a link."""
    if curve and value is not None:
        return {"__type__": "CURVE", "__value__": value}
    return {"__value__": value} if isinstance(value, list) else value


def _with(prompt: Json, replaced: Replacements) -> Json:
    """Return a prompt with other values; what is not replaced is shared with the original."""
    changed = {
        key: {**prompt[key], "inputs": {**as_dict(prompt[key].get("inputs")), **_literals(values)}}
        for key, values in replaced.items()
        if key in prompt
    }
    return {**prompt, **changed}


def _literals(values: Mapping[str, Any]) -> Json:
    return {name: literal(value) for name, value in values.items()}
