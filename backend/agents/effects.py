"""Describes what a call changes and what it costs, for the user who decides about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend.agents.tools import ToolInfo

Arguments = dict[str, Any]
MOST_LINES = 20
MOST_LINE = 200


@dataclass(frozen=True, kw_only=True)
class Effect:
    # The first line is a sentence; those after it are details.
    text: str
    cost: str = ""


def effect_of(tool: ToolInfo, arguments: Arguments) -> Effect:
    """Describe a call by its arguments, or by its tool when that is not possible."""
    describe = DESCRIPTIONS.get(tool.name)
    try:
        found = describe(arguments) if describe else None
    except (KeyError, TypeError, AttributeError, ValueError):
        found = None
    if found is None:
        warning = " It may overwrite or delete something." if tool.destructive else ""
        found = Effect(text=f"{tool.title}.{warning}")
    return found


def _patch(arguments: Arguments) -> Effect:
    operations = arguments["operations"]
    lines = [_operation(operation) for operation in operations[:MOST_LINES]]
    if len(operations) > MOST_LINES:
        lines.append(f"and {len(operations) - MOST_LINES} more changes")
    count = f"{len(operations)} change" + ("s" if len(operations) != 1 else "")
    text = f"Makes a new version of the workflow with {count}. The present version stays."
    return Effect(text="\n".join([text, *lines]), cost="Free; it can be undone.")


def _operation(operation: Arguments) -> str:
    """Return one line, such as `set_input: node=3, input=steps, value=30`."""
    details = ", ".join(f"{name}={value}" for name, value in operation.items() if name != "op")
    line = f"{operation['op']}: {details}"
    return line if len(line) <= MOST_LINE else line[: MOST_LINE - 1] + "…"


def _run(arguments: Arguments) -> Effect:
    count = len(arguments["runs"])
    jobs = "1 job" if count == 1 else f"{count} jobs"
    return Effect(
        text=f"Queues {jobs} of this workflow.", cost="GPU time of this pod; paid API nodes cost credits."
    )


def _retry(arguments: Arguments) -> Effect:
    return Effect(text=f"Runs job {arguments['job_id']} again.", cost="GPU time of this pod.")


def _cancel(arguments: Arguments) -> Effect:
    return Effect(text="Cancels jobs: " + ", ".join(arguments["job_ids"]), cost="Work done so far is lost.")


def _install(arguments: Arguments) -> Effect:
    text = f"Downloads {arguments['url']}\ninto the folder {arguments['folder']}."
    return Effect(text=text, cost="Disk space and traffic.")


def _preset(arguments: Arguments) -> Effect:
    text = f"Downloads every missing file of the preset {arguments['preset_id']}."
    return Effect(text=text, cost="Disk space and traffic.")


def _service(arguments: Arguments) -> Effect:
    action, name = arguments["action"], arguments["name"]
    cost = "A job that runs is interrupted and tried again." if name == "comfyui" else ""
    return Effect(text=f"{str(action).capitalize()}s the service {name}.", cost=cost)


def _save(arguments: Arguments) -> Effect:
    overwrites = "Overwrites" if arguments.get("overwrite") else "Writes"
    return Effect(text=f"{overwrites} {arguments['path']} among ComfyUI's own workflows.")


def _undo(_arguments: Arguments) -> Effect:
    return Effect(text="Takes the last change of the workflow back, as a new version.", cost="Free.")


DESCRIPTIONS: dict[str, Callable[[Arguments], Effect]] = {
    "workflows_patch": _patch,
    "workflows_undo": _undo,
    "workflows_save": _save,
    "workflows_run": _run,
    "jobs_retry": _retry,
    "jobs_cancel": _cancel,
    "models_install": _install,
    "presets_download": _preset,
    "services_act": _service,
}
