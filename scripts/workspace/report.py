"""Reports the preparation of the workspace to the control plane and the log."""

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem and its remedy, in sentences for the pod's owner."""

    code: str
    message: str
    remedy: str


class Unusable(Exception):
    """The volume cannot be used in its present state."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(kw_only=True)
class Report:
    """`workspace.json`. Every change is written at once, because the next step may take minutes."""

    folder: Path
    # preparing, ready or failed
    state: str = "preparing"
    # unmounted, empty, warm, foreign or unusable
    case: str = ""
    # The current step; empty between steps.
    activity: str = ""
    seconds: float = 0.0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.write()
        print(f"workspace: {text}", flush=True)

    def problem(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.write()
        print(f"workspace: WARNING: {problem.message} {problem.remedy}", flush=True)

    def begin(self, activity: str) -> None:
        self.activity = activity
        self.write()
        if activity:
            print(f"workspace: {activity}", flush=True)

    def write(self) -> None:
        content = asdict(self)
        del content["folder"]
        write_json(self.folder / "workspace.json", content)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write atomically: a reader sees the old content or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=2))
    temporary.replace(path)


def problem_of(error: OSError | ValueError, workspace: Path) -> Problem:
    """Translate an error of the volume. A ValueError means a file with unexpected content."""
    if not isinstance(error, OSError):
        error = OSError(None, str(error), str(workspace))
    match error.errno:
        case errno.EROFS:
            return Problem(
                code="read_only",
                message=f"The volume at {workspace} is read-only.",
                remedy="Mount it with write access and start the pod again.",
            )
        case errno.ENOSPC | errno.EDQUOT:
            return Problem(
                code="volume_full",
                message=f"The volume at {workspace} is full.",
                remedy="Free some space or enlarge it, then restart ComfyUI.",
            )
        case errno.EACCES | errno.EPERM:
            return Problem(
                code="not_permitted",
                message=f"The pod may not write to the volume at {workspace} ({error.strerror}).",
                remedy="Check its permissions; network volumes may map root to another user.",
            )
        case _:
            return Problem(
                code="volume_error",
                message=f"Setting up {error.filename or workspace} failed: {error.strerror or error}.",
                remedy="Check the volume, then restart ComfyUI.",
            )
