"""The user's hooks around ComfyUI's start, as the boot scripts report them (scripts/workspace/hooks.py)."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from backend.system.models import HookRun, Problem

RUNS = TypeAdapter(list[HookRun])
FAILURES = {"failed", "timed_out"}


def read_hooks(run_folder: Path, clean: Callable[[str], str]) -> list[HookRun]:
    """Return the hooks of ComfyUI's newest start, in their order; empty when there are none."""
    try:
        content = json.loads((run_folder / "hooks.json").read_bytes())
        runs = RUNS.validate_python(content["hooks"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return []
    return [run.model_copy(update={"output": [clean(line) for line in run.output]}) for run in runs]


def problems_of_hooks(runs: Iterable[HookRun]) -> list[Problem]:
    """Return a problem for each hook that failed."""
    return [
        Problem(
            code="hook_failed",
            message=f"The hook {run.stage}.d/{run.name} {_ending(run)}.",
            remedy="The Services page shows what it wrote. Correct it, then restart ComfyUI.",
        )
        for run in runs
        if run.state in FAILURES
    ]


def _ending(run: HookRun) -> str:
    if run.state == "timed_out":
        return f"was ended after {run.seconds:.0f} s; HOOK_SECONDS sets the limit"
    return f"failed with exit code {run.exit_code}" if run.exit_code is not None else "could not be run"
