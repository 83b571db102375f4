"""What makes ComfyUI refuse a prompt, and how it says so."""

import inspect
import traceback
from typing import Any

import nodes

Prompt = dict[str, Any]
Problem = dict[str, Any]
# Whether a node is valid, and its own problems.
Result = tuple[bool, list[Problem]]

NUMBERS_AND_TEXT = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
MOST_OPTIONS_NAMED = 20

# Types of newer nodes: an output of the type that is linked to it, and an input that has a name for each of its links.
ANY, GROWING = "COMFY_MATCHTYPE_V3", "COMFY_AUTOGROW_V3"


def problem(kind: str, message: str, details: str, **extra_info: Any) -> Problem:
    return {"type": kind, "message": message, "details": details, "extra_info": extra_info}


def full_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def validate_prompt(
    prompt: Prompt, targets: list[str] | None
) -> tuple[Problem | None, list[str], dict[str, Any]]:
    """Return what is wrong with the whole, the outputs that can run, and what is wrong with nodes.

    Only what outputs depend on is looked at. One good output is enough: the others are dropped.
    """
    outputs = []
    for node_id, node in prompt.items():
        unknown = _unknown_type(node_id, node)
        if unknown:
            return unknown, [], {}
        is_output = getattr(nodes.NODE_CLASS_MAPPINGS[node["class_type"]], "OUTPUT_NODE", False) is True
        if is_output and (targets is None or node_id in targets):
            outputs.append(node_id)
    if not outputs:
        return problem("prompt_no_outputs", "Prompt has no outputs", ""), [], {}

    validated: dict[str, Result] = {}
    good: list[str] = []
    node_errors: dict[str, Any] = {}
    lines: list[str] = []
    for output in outputs:
        try:
            valid, reasons = validate_node(prompt, output, validated, [])
        except Exception as error:
            valid, reasons = (
                False,
                [_exception("exception_during_validation", "Exception when validating node", error)],
            )
            validated[output] = (valid, reasons)
        if valid:
            good.append(output)
            continue
        print(f"Failed to validate prompt for output {output}:")
        lines += [f"{reason['message']}: {reason['details']}" for reason in reasons]
        for node_id, (is_valid, problems) in validated.items():
            if not is_valid and problems:
                kind = prompt[node_id]["class_type"]
                entry = {"errors": problems, "dependent_outputs": [], "class_type": kind}
                node_errors.setdefault(node_id, entry)["dependent_outputs"].append(output)
        print("Output will be ignored")
    if not good:
        message = "Prompt outputs failed validation"
        return problem("prompt_outputs_failed_validation", message, "\n".join(lines)), [], node_errors
    return None, good, node_errors


def _unknown_type(node_id: str, node: dict[str, Any]) -> Problem | None:
    kind = node.get("class_type")
    if kind in nodes.NODE_CLASS_MAPPINGS:
        return None
    title = node.get("_meta", {}).get("title", kind)
    if kind is None:
        name = title or f"ID #{node_id}"
        message = (
            f"Node '{name}' has no class_type. The workflow may be corrupted or a custom node is missing."
        )
    else:
        message = f"Node '{title}' not found. The custom node may not be installed."
    about = {"node_id": node_id, "class_type": kind, "node_title": title}
    return problem("missing_node_type", message, f"Node ID '#{node_id}'", **about)


def _exception(kind: str, message: str, error: Exception, **extra_info: Any) -> Problem:
    trace = traceback.format_tb(error.__traceback__)
    return problem(kind, message, str(error), **extra_info, exception_type=full_name(error), traceback=trace)


def validate_node(prompt: Prompt, node_id: str, validated: dict[str, Result], visiting: list[str]) -> Result:
    if node_id in validated:
        return validated[node_id]
    if node_id in visiting:
        _blame_cycle(prompt, [*visiting[visiting.index(node_id) :], node_id], validated)
        return validated[node_id]
    given = prompt[node_id]["inputs"]
    cls: Any = nodes.NODE_CLASS_MAPPINGS[prompt[node_id]["class_type"]]
    own_check = getattr(cls, "VALIDATE_INPUTS", None)
    checked = inspect.getfullargspec(own_check).args if own_check else []
    declared = cls.INPUT_TYPES()
    problems: list[Problem] = []
    valid = True
    for category in ("required", "optional"):
        for name, spec in declared.get(category, {}).items():
            if name not in given:
                if category == "required" and spec[0] != GROWING:
                    missing = "Required input is missing"
                    problems.append(problem("required_input_missing", missing, name, input_name=name))
            elif isinstance(given[name], list):
                wrong, source_valid = _check_link(prompt, node_id, name, spec, validated, visiting)
                problems += wrong
                valid = valid and source_valid
            else:
                problems += _check_value(given, name, spec, skip_limits=name in checked)
    if own_check:
        problems += _own_check(own_check, checked, given)
    known_valid, known = validated.get(node_id, (True, []))
    problems = known + [each for each in problems if each not in known]
    validated[node_id] = (known_valid and valid and not problems, problems)
    return validated[node_id]


def _blame_cycle(prompt: Prompt, path: list[str], validated: dict[str, Result]) -> None:
    members = list(dict.fromkeys(path))
    details = " -> ".join(f"{node_id} ({prompt[node_id]['class_type']})" for node_id in path)
    for node_id in members:
        about = {"node_id": node_id, "cycle_nodes": members}
        cycle = problem("dependency_cycle", "Dependency cycle detected", details, **about)
        validated[node_id] = (False, [cycle])


def _fits(received: Any, kind: Any) -> bool:
    """Return whether a link between these types is allowed; an input may take several."""
    if received == kind or not {received, kind}.isdisjoint(("*", ANY)):
        return True
    return not set(str(received).split(",")).isdisjoint(str(kind).split(","))


def _check_link(
    prompt: Prompt, node_id: str, name: str, spec: Any, validated: dict[str, Result], visiting: list[str]
) -> tuple[list[Problem], bool]:
    """Return what is wrong with the link, and whether the node at its other end is valid."""
    link = prompt[node_id]["inputs"][name]
    kind, config = spec[0], spec[1] if len(spec) > 1 else {}
    about = {"input_name": name, "input_config": [kind, config]}
    if len(link) != 2:
        message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
        return [problem("bad_linked_input", message, name, **about, received_value=link)], True
    source, slot = link
    received = nodes.NODE_CLASS_MAPPINGS[prompt[source]["class_type"]].RETURN_TYPES[slot]
    if not _fits(received, kind):
        message = "Return type mismatch between linked nodes"
        details = f"{name}, received_type({received}) mismatch input_type({kind})"
        return [
            problem(
                "return_type_mismatch", message, details, **about, received_type=received, linked_node=link
            )
        ], True
    try:
        return [], validate_node(prompt, source, validated, [*visiting, node_id])[0]
    except Exception as error:
        message = "Exception when validating inner node"
        about |= {"exception_message": str(error), "linked_node": link}
        validated[source] = (
            False,
            [_exception("exception_during_inner_validation", message, error, **about)],
        )
        return [], False


def _check_value(given: dict[str, Any], name: str, spec: Any, *, skip_limits: bool) -> list[Problem]:
    """Convert a value in place, as the real one does, and check it."""
    kind, config = spec[0], spec[1] if len(spec) > 1 else {}
    value = given[name]
    about = {"input_name": name, "input_config": [kind, config]}
    try:
        if isinstance(value, dict) and "__value__" in value:
            value = given[name] = value["__value__"]
        if isinstance(kind, str) and kind in NUMBERS_AND_TEXT:
            value = given[name] = NUMBERS_AND_TEXT[kind](value)
    except Exception as error:
        message = f"Failed to convert an input value to a {kind} value"
        details = f"{name}, {value}, {error}"
        about |= {"received_value": value, "exception_message": str(error)}
        return [problem("invalid_input_type", message, details, **about)]
    if skip_limits:
        return []
    about["received_value"] = value
    if "min" in config and value < config["min"]:
        message = f"Value {value} smaller than min of {config['min']}"
        return [problem("value_smaller_than_min", message, name, **about)]
    if "max" in config and value > config["max"]:
        message = f"Value {value} bigger than max of {config['max']}"
        return [problem("value_bigger_than_max", message, name, **about)]
    options = kind if isinstance(kind, list) else config.get("options", []) if kind == "COMBO" else None
    if options is not None and value not in options:
        many = len(options) > MOST_OPTIONS_NAMED
        listed = f"(list of length {len(options)})" if many else str(options)
        about["input_config"] = None if many else about["input_config"]
        return [
            problem("value_not_in_list", "Value not in list", f"{name}: {value!r} not in {listed}", **about)
        ]
    return []


def _own_check(check: Any, names: list[str], given: dict[str, Any]) -> list[Problem]:
    wanted = {name: given[name] for name in names if name in given and not isinstance(given[name], list)}
    verdict = check(**wanted)
    if verdict is True:
        return []
    said = "" if verdict is False else f" - {verdict}"
    message = "Custom validation failed for node"
    return [problem("custom_validation_failed", message, f"{name}{said}", input_name=name) for name in wanted]
