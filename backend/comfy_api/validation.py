"""Refuses at once what ComfyUI would certainly refuse, as the protocol wants it. Everything else is for ComfyUI to decide."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError
from backend.comfy_api.errors import Unprocessable
from backend.core.errors import NodeErrors
from backend.workflows.api_format import is_link
from backend.workflows.graph import Json
from backend.workflows.parsing import as_dict
from backend.workflows.signatures import Signatures
from backend.workflows.validation import PromptProblem, validate

# Anywhere in the workflow.
FATAL = frozenset({"missing_node_type", "prompt_no_outputs"})
# On the way to every node that saves something. Values are left out: nodes may check these themselves, and menus of
# files change.
ON_THE_WAY = frozenset({"required_input_missing", "bad_linked_input"})
MAX_TYPES = 1000


async def check_workflow(comfy: ComfyClient, workflow: Json) -> None:
    """Raise Unprocessable for a workflow that cannot run. While ComfyUI does not answer, nothing is known."""
    types = {str(as_dict(node).get("class_type")) for node in workflow.values()}
    if len(types) > MAX_TYPES:
        return
    try:
        described = await comfy.node_types.describe(types)
    except ComfyError:
        return
    info = {name: node_type.raw for name, node_type in described.items()}
    problems = await asyncio.to_thread(_reasons, workflow, info)
    if problems:
        raise Unprocessable(problems[0].message, node_errors=_by_node(problems))


def _reasons(workflow: Json, info: Json) -> list[PromptProblem]:
    """Return why no output of the workflow can be made; nothing where at least one can."""
    problems = validate(workflow, info)
    fatal = [problem for problem in problems if problem.code in FATAL]
    certain = [problem for problem in problems if problem.code in ON_THE_WAY]
    if fatal or not certain:
        return fatal
    broken = {problem.node_id for problem in certain}
    signatures = Signatures(info)
    for key, node in workflow.items():
        kind = signatures.get(str(as_dict(node).get("class_type")))
        if kind and kind.is_output and not broken & _with_ancestors(workflow, key):
            return []
    return certain


def _with_ancestors(workflow: Json, key: str) -> set[str]:
    """Return the node and all that it depends on."""
    found: set[str] = set()
    waiting = [key]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            inputs = as_dict(as_dict(workflow.get(current)).get("inputs"))
            waiting += [str(value[0]) for value in inputs.values() if is_link(value)]
    return found


def _by_node(problems: Iterable[PromptProblem]) -> NodeErrors:
    errors: NodeErrors = defaultdict(list)
    for problem in problems:
        if problem.node_id is not None:
            errors[problem.node_id].append({"field": problem.input, "reason": problem.message})
    return dict(errors)
