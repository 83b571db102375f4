"""Records of applied steps, one small file on the volume for each, and the report of the newest run."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backend.core.files import write_atomically
from backend.provisioning.models import Kind, RunReport, State, Step, StepStatus

REPORT = "provision.json"


class Records:
    """The steps that were applied to this volume."""

    def __init__(self, folder: Path):
        self._folder = folder

    def holds(self, step: Step, target: str = "") -> bool:
        """Return whether the step was applied to `target`, such as an environment, and is unchanged since."""
        try:
            content = json.loads((self._folder / f"{step.key}.json").read_bytes())
            return (content["digest"], content["target"]) == (step.digest, target)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def save(self, step: Step, target: str = "") -> None:
        """Record a step. Raise OSError when it cannot be written; the step is then applied again."""
        self._folder.mkdir(parents=True, exist_ok=True)
        content = {"digest": step.digest, "target": target, "title": step.title}
        write_atomically(self._folder / f"{step.key}.json", json.dumps(content).encode())


def write_report(folder: Path, report: RunReport) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / REPORT, json.dumps(asdict(report)).encode())


def read_report(folder: Path) -> RunReport | None:
    """Return the report of the newest run; None where there was none."""
    try:
        content = json.loads((folder / REPORT).read_bytes())
        steps = [_step(entry) for entry in content.pop("steps")]
        return RunReport(steps=steps, **content)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_running(report: RunReport) -> bool:
    """Return whether the process of an unfinished run still exists."""
    if report.finished_at is not None or not report.process:
        return False
    with suppress(PermissionError):
        try:
            os.kill(report.process, 0)
        except ProcessLookupError:
            return False
    return True


def _step(entry: Mapping[str, Any]) -> StepStatus:
    return StepStatus(
        **{
            **entry,
            "kind": Kind(entry["kind"]),
            "state": State(entry["state"]),
            "output": tuple(entry["output"]),
        }
    )
