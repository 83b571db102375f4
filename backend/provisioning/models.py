"""Steps of a document, and the report of a run."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """The kind of a step, by what it adds to the pod."""

    ENVIRONMENT = "environment"
    APT = "apt"
    PIP = "pip"
    NODE = "node"
    PRESET = "preset"
    FILE = "file"


# The control plane applies these, the boot scripts all others.
DOWNLOADED = frozenset({Kind.PRESET, Kind.FILE})


class State(StrEnum):
    """The state of a step."""

    WAITING = "waiting"
    RUNNING = "running"
    # Applied in this run.
    APPLIED = "applied"
    # Applied by an earlier run, and unchanged since.
    UNCHANGED = "unchanged"
    FAILED = "failed"


OVER = frozenset({State.APPLIED, State.UNCHANGED, State.FAILED})


@dataclass(frozen=True, kw_only=True)
class Step:
    """One part of a document, which succeeds or fails independently of the others."""

    kind: Kind
    # The name of its record.
    key: str
    # What the pages call it.
    title: str
    # Changes whenever this part of the document does.
    digest: str
    # This part of the document, as plain data.
    content: Any


@dataclass(frozen=True, kw_only=True)
class StepStatus:
    """A step with its state."""

    key: str
    kind: Kind
    title: str
    state: State = State.WAITING
    # Why it failed and what to do.
    message: str = ""
    seconds: float = 0.0
    # The last lines of its programs' output.
    output: tuple[str, ...] = ()


@dataclass(kw_only=True)
class RunReport:
    """One run of the boot scripts, as recorded in `provision.json`."""

    # Source of the document: a path, or a URL without secrets.
    source: str = ""
    # Its content, saved on the volume; empty while it is read or where it cannot be.
    document: str = ""
    sha256: str = ""
    # The folder with the records of applied steps.
    records: str = ""
    # Why the document is unusable.
    problems: list[str] = field(default_factory=list)
    steps: list[StepStatus] = field(default_factory=list)
    # Apply every step again.
    again: bool = False
    # Whether ComfyUI started after this run; otherwise it must be restarted to see a change.
    before_start: bool = True
    # The process id, while the run lasts.
    process: int = 0
    started_at: float = 0.0
    finished_at: float | None = None
