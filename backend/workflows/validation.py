"""Checks a prompt against what its node types declare, before ComfyUI sees it.

ComfyUI has the last word: its own checks also cover what nodes verify themselves, and files on its disk.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from backend.workflows.api_format import is_link
from backend.workflows.graph import Json, types_fit
from backend.workflows.parsing import as_dict, as_text
from backend.workflows.signatures import COMBO, InputSignature, NodeSignature, Signatures

MAX_PROBLEMS = 200
MAX_SHOWN = 100
# Types whose inputs depend on other values or on what is linked.
DYNAMIC: Final = "COMFY_"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptProblem:
    """One reason why ComfyUI would refuse the prompt. Codes are those of ComfyUI where it has one."""

    code: str
    message: str
    node_id: str | None = None
    node_type: str | None = None
    node_title: str | None = None
    input: str | None = None


def validate(prompt: Json, object_info: Json) -> tuple[PromptProblem, ...]:
    """Return what is wrong with a prompt, at most `MAX_PROBLEMS` of it."""
    return tuple(islice(_problems(prompt, Signatures(object_info)), MAX_PROBLEMS))


def _problems(prompt: Json, signatures: Signatures) -> Iterator[PromptProblem]:
    kinds = {key: signatures.get(str(as_dict(node).get("class_type"))) for key, node in prompt.items()}
    if not any(kind and kind.is_output for kind in kinds.values()) and all(kinds.values()):
        yield PromptProblem(
            code="prompt_no_outputs", message="No node saves or shows anything. Add one, such as SaveImage."
        )
    for key, node in prompt.items():
        yield from _Checked(prompt, kinds, key, as_dict(node)).problems()


class _Checked:
    """One node of a prompt."""

    def __init__(self, prompt: Json, kinds: dict[str, NodeSignature | None], key: str, node: Json):
        self._prompt = prompt
        self._kinds = kinds
        self._key = key
        self._node = node
        self._type = str(node.get("class_type"))

    def problems(self) -> Iterator[PromptProblem]:
        kind = self._kinds[self._key]
        if kind is None:
            yield self._problem(
                "missing_node_type",
                f"ComfyUI has no node type `{self._type[:MAX_SHOWN]}`. Install its node package, or replace the node.",
            )
            return
        inputs = as_dict(self._node.get("inputs"))
        for declared in kind.inputs:
            if declared.name in inputs:
                yield from self._input(declared, inputs[declared.name])
            elif declared.required and not declared.type.startswith(DYNAMIC):
                yield self._problem(
                    "required_input_missing", f"`{declared.name}` is required and missing.", declared.name
                )

    def _input(self, declared: InputSignature, value: Any) -> Iterator[PromptProblem]:
        if is_link(value):
            yield from self._link(declared, str(value[0]), value[1])
        elif declared.is_widget:
            message = _value_problem(declared, value)
            if message:
                yield self._problem(message[0], f"`{declared.name}` {message[1]}", declared.name)

    def _link(self, declared: InputSignature, origin: str, slot: int) -> Iterator[PromptProblem]:
        if origin not in self._prompt:
            message = (
                f"`{declared.name}` is linked to node {origin[:MAX_SHOWN]}, which the workflow does not have."
            )
            yield self._problem("bad_linked_input", message, declared.name)
            return
        source = self._kinds[origin]
        if source is None:
            return
        if not 0 <= slot < len(source.outputs):
            message = f"`{declared.name}` is linked to output {slot} of {source.name}, which has {len(source.outputs)}."
            yield self._problem("bad_linked_input", message, declared.name)
        elif not _fits(source.outputs[slot], declared.type):
            message = (
                f"`{declared.name}` takes {declared.type}, and {source.name} returns {source.outputs[slot]}."
            )
            yield self._problem("return_type_mismatch", message, declared.name)

    def _problem(self, code: str, message: str, name: str | None = None) -> PromptProblem:
        return PromptProblem(
            code=code,
            message=message,
            node_id=self._key,
            node_type=self._type,
            node_title=as_text(as_dict(self._node.get("_meta")).get("title")),
            input=name,
        )


def _fits(made: str, taken: str) -> bool:
    dynamic = made.startswith(DYNAMIC) or taken.startswith(DYNAMIC)
    return dynamic or COMBO in (made, taken) or types_fit(made, taken)


def _value_problem(declared: InputSignature, value: Any) -> tuple[str, str] | None:
    """Return code and message, or None for a value that ComfyUI takes. It converts texts to numbers."""
    if declared.type in ("INT", "FLOAT"):
        return _number_problem(declared, value)
    if declared.type == COMBO and declared.choices and value not in declared.choices:
        offered = ", ".join(str(choice)[:MAX_SHOWN] for choice in declared.choices[:10])
        more = ", …" if len(declared.choices) > 10 else ""
        return "value_not_in_list", f"is {_shown(value)}, which is not one of: {offered}{more}"
    return None


def _number_problem(declared: InputSignature, value: Any) -> tuple[str, str] | None:
    try:
        number = int(value) if declared.type == "INT" else float(value)
    except (TypeError, ValueError, OverflowError):
        return "invalid_input_type", f"is {_shown(value)}, which is not a number"
    low, high = declared.options.get("min"), declared.options.get("max")
    if not math.isfinite(number):
        return "invalid_input_type", "is not a finite number"
    if isinstance(low, (int, float)) and number < low:
        return "value_smaller_than_min", f"is {number}, and the minimum is {low}"
    if isinstance(high, (int, float)) and number > high:
        return "value_bigger_than_max", f"is {number}, and the maximum is {high}"
    return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
