"""Tells the control plane and the log how preparing goes."""

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong and what to do, in sentences for the pod's owner."""

    code: str
    message: str
    remedy: str


class Unusable(Exception):
    """The volume cannot be used as it is."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(kw_only=True)
class Report:
    """`workspace.json`. Every change is on disk and in the log at once: what follows may take minutes."""

    folder: Path
    # preparing, ready or failed
    state: str = "preparing"
    # unmounted, empty, warm, foreign or unusable
    case: str = ""
    # What is being done right now, empty when nothing is.
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
    """Atomically: a reader sees the old content or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=2))
    temporary.replace(path)


def problem_of(error: OSError | ValueError, workspace: Path) -> Problem:
    """What an error of the volume means to its owner. A ValueError comes of what cannot be read as it should."""
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
                message=f"The volume at {workspace} does not let the pod write ({error.strerror}).",
                remedy="Check its permissions; network volumes may map root to another user.",
            )
        case _:
            return Problem(
                code="volume_error",
                message=f"Setting up {error.filename or workspace} failed: {error.strerror or error}.",
                remedy="Check the volume, then restart ComfyUI.",
            )
