"""Tells the control plane how preparing goes, in files that it shows."""

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Problem:
    code: str
    message: str
    remedy: str


@dataclass(kw_only=True)
class Report:
    """`workspace.json`."""

    state: str = "preparing"
    # unmounted, empty, warm or foreign
    case: str = ""
    seconds: float = 0.0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        write_json(folder / "workspace.json", asdict(self))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Atomically: a reader sees the old report or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=2))
    temporary.replace(path)


def problem_of(error: OSError, workspace: Path) -> Problem:
    """What an error of the volume means to its owner."""
    match error.errno:
        case errno.EROFS:
            return Problem(
                code="read_only",
                message=f"The volume at {workspace} is read-only, so ComfyUI cannot be set up on it.",
                remedy="Mount it with write access and start the pod again.",
            )
        case errno.ENOSPC | errno.EDQUOT:
            return Problem(
                code="volume_full",
                message=f"The volume at {workspace} is full.",
                remedy="Free a few megabytes or enlarge it; nothing on it was changed or deleted.",
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
