"""Why ComfyUI refuses a prompt."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.comfy.redaction import is_secret_name, redact_inputs, redact_text

# The second is what versions up to 0.3.64 say.
MISSING_NODE_TYPE = {"missing_node_type", "invalid_prompt"}


OLD_MESSAGE = re.compile(r"Cannot execute because node (.{1,300}) does not exist\.")


class ProblemType(StrEnum):
    """The types that are known today. A newer ComfyUI may send others, so problems carry plain text."""

    # About the prompt as a whole.
    NO_PROMPT = "no_prompt"
    INVALID_PROMPT_ID = "invalid_prompt_id"
    MISSING_NODE_TYPE = "missing_node_type"
    NO_OUTPUTS = "prompt_no_outputs"
    OUTPUTS_INVALID = "prompt_outputs_failed_validation"
    # About one input of one node.
    REQUIRED_INPUT_MISSING = "required_input_missing"
    BAD_LINK = "bad_linked_input"
    TYPE_MISMATCH = "return_type_mismatch"
    INVALID_TYPE = "invalid_input_type"
    TOO_SMALL = "value_smaller_than_min"
    TOO_BIG = "value_bigger_than_max"
    NOT_IN_LIST = "value_not_in_list"
    CUSTOM_VALIDATION = "custom_validation_failed"
    VALIDATION_RAISED = "exception_during_validation"
    INNER_VALIDATION_RAISED = "exception_during_inner_validation"
    DEPENDENCY_CYCLE = "dependency_cycle"
    INVALID_DYNAMIC_INPUT = "invalid_dynamic_input"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One reason, without secrets."""

    # One of `ProblemType`, or something newer.
    type: str
    message: str
    details: str = ""
    # The input that it is about.
    input_name: str | None = None
    received_value: Any = None
    # What the node declares for that input; left out by ComfyUI for long menus, such as lists of models.
    input_config: Any = None
    # The node type that is unknown.
    class_type: str | None = None

    @property
    def text(self) -> str:
        return f"{self.message}: {self.details}" if self.details else self.message


@dataclass(frozen=True, kw_only=True)
class NodeProblems:
    """What is wrong with one node."""

    node_id: str
    class_type: str
    problems: tuple[Problem, ...]
    # The outputs that cannot run because of it.
    dependent_outputs: tuple[str, ...] = ()


def read_problem(data: Any) -> Problem:
    """Return what an `error` says. Some versions and extensions send a text instead of an object."""
    if not isinstance(data, dict):
        return Problem(type="unknown", message=redact_text(str(data)))
    extra = data.get("extra_info")
    extra = extra if isinstance(extra, dict) else {}
    name = _optional_text(extra.get("input_name"))
    received, secrets = redact_inputs({name or "": extra.get("received_value")})
    if name and is_secret_name(name):
        secrets.append(str(extra.get("received_value")))
    return Problem(
        type=str(data.get("type", "unknown"))[:100],
        message=redact_text(str(data.get("message", "no reason given")), secrets),
        details=redact_text(str(data.get("details") or ""), secrets),
        input_name=name,
        received_value=received[name or ""],
        input_config=extra.get("input_config"),
        class_type=_optional_text(extra.get("class_type")) or _class_in(data.get("message")),
    )


def read_node_problems(data: Any) -> tuple[NodeProblems, ...]:
    if not isinstance(data, dict):
        return ()
    return tuple(_of_node(str(node_id), entry) for node_id, entry in data.items() if isinstance(entry, dict))


def _of_node(node_id: str, entry: dict[str, Any]) -> NodeProblems:
    errors, outputs = entry.get("errors"), entry.get("dependent_outputs")
    return NodeProblems(
        node_id=node_id,
        class_type=str(entry.get("class_type", "")),
        problems=tuple(read_problem(error) for error in errors) if isinstance(errors, list) else (),
        dependent_outputs=tuple(str(output) for output in outputs) if isinstance(outputs, list) else (),
    )


def _class_in(message: Any) -> str | None:
    """Read `… node NAME does not exist.`: versions up to 0.3.64 name the node type only there."""
    found = OLD_MESSAGE.match(message[:500]) if isinstance(message, str) else None
    return found[1] if found else None


def _optional_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
