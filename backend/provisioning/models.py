"""Steps of a document, and the report of a run."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a step brings to the pod."""

    ENVIRONMENT = "environment"
    APT = "apt"
    PIP = "pip"
    NODE = "node"
    PRESET = "preset"
    FILE = "file"


# The control plane applies these, the boot scripts all others.
DOWNLOADED = frozenset({Kind.PRESET, Kind.FILE})


class State(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    RUNNING = "running"
    # Applied in this run.
    APPLIED = "applied"
    # Applied earlier, and the same since.
    UNCHANGED = "unchanged"
    FAILED = "failed"


OVER = frozenset({State.APPLIED, State.UNCHANGED, State.FAILED})


@dataclass(frozen=True, kw_only=True)
class Step:
    """One part of a document that succeeds or fails by itself."""

    kind: Kind
    # The name of its record.
    key: str
    # What it is about, for people.
    title: str
    # Changes whenever this part of the document does.
    digest: str
    # That part, as plain data.
    content: Any


@dataclass(frozen=True, kw_only=True)
class StepStatus:
    """A step and where it stands."""

    key: str
    kind: Kind
    title: str
    state: State = State.WAITING
    # Why it failed and what to do.
    message: str = ""
    seconds: float = 0.0
    # The last lines that its programs wrote.
    output: tuple[str, ...] = ()


@dataclass(kw_only=True)
class RunReport:
    """One run of the boot scripts' steps, in `provision.json`."""

    # Where the document comes from: a path or an address without secrets.
    source: str = ""
    # Its content, saved on the volume; empty while it is read or where it cannot be.
    document: str = ""
    sha256: str = ""
    # The folder with the records of applied steps.
    records: str = ""
    # Why the document cannot be used.
    problems: list[str] = field(default_factory=list)
    steps: list[StepStatus] = field(default_factory=list)
    # Apply every step again.
    again: bool = False
    # Whether ComfyUI started after this run; otherwise it must be restarted to see a change.
    before_start: bool = True
    # The process, while it runs.
    process: int = 0
    started_at: float = 0.0
    finished_at: float | None = None
