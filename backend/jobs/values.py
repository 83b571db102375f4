"""Sets the values of one job in the prompt that it shares with others. Pure functions."""

import copy
from collections.abc import Mapping
from typing import Any

from backend.core.errors import InvalidRequest
from backend.jobs.models import Prompt

MAX_NODES = 5000


def with_values(prompt: Prompt, values: Mapping[str, Any]) -> Prompt:
    """Return `prompt` with `{"6.text": "a cat"}` set. Raise InvalidRequest when it has no such node."""
    changed: dict[str, Any] = dict(prompt)
    for name, value in values.items():
        node_id, input_name = _split(name)
        node = changed.get(node_id)
        if not isinstance(node, dict):
            raise InvalidRequest(
                f"The workflow has no node {node_id}, so `{name}` cannot be set.", code="unknown_input"
            )
        changed[node_id] = {**node, "inputs": {**node.get("inputs", {}), input_name: copy.deepcopy(value)}}
    return changed


def _split(name: str) -> tuple[str, str]:
    """`6.text` → node `6`, input `text`; ids of nodes in subgraphs have colons, never dots."""
    node_id, dot, input_name = name.partition(".")
    if not (node_id and dot and input_name):
        raise InvalidRequest(
            f"`{name}` is not an input. Write NODE.INPUT, such as `6.text`.", code="unknown_input"
        )
    return node_id, input_name


def check_prompt(prompt: Prompt) -> None:
    """Raise InvalidRequest unless `prompt` has the form of a prompt in API format."""
    if not prompt:
        raise InvalidRequest("The workflow is empty.", code="invalid_workflow")
    if len(prompt) > MAX_NODES:
        raise InvalidRequest(f"The workflow has more than {MAX_NODES} nodes.", code="invalid_workflow")
    for node_id, node in prompt.items():
        inputs = node.get("inputs", {}) if isinstance(node, dict) else None
        if not isinstance(inputs, dict) or not isinstance(node.get("class_type"), str):
            raise InvalidRequest(
                f"Node {node_id} has no `class_type` or no `inputs`. Export the workflow with “Export (API)”.",
                code="invalid_workflow",
            )
