"""What the overview shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from backend.activity.models import Entry
from backend.downloads.schemas import TransferView
from backend.jobs.models import Job, JobState, Output
from backend.system.models import SystemView


@dataclass(frozen=True, kw_only=True)
class Action:
    """The one thing that helps: a link, or a request."""

    label: str
    url: str
    method: Literal["get", "post"] = "get"


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something that needs attention."""

    tone: Literal["danger", "warning"]
    # What happened.
    message: str
    # What to do, if the action does not say it.
    remedy: str = ""
    action: Action | None = None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The course of one figure over the last minutes."""

    label: str
    # As people read it: `61 °C`.
    now: str
    values: Sequence[float | None]
    maximum: float


@dataclass(frozen=True, kw_only=True)
class Running:
    """The downloads that are not finished, in the order of the queue."""

    shown: Sequence[TransferView]
    total: int
    received: int
    # Of those whose size is known.
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """What ComfyUI does for the queue of jobs."""

    running: Sequence[Job]
    counts: dict[JobState, int]
    # The newest outputs: the job, the number of the output in it, the output.
    outputs: Sequence[tuple[Job, int, Output]]


@dataclass(frozen=True, kw_only=True)
class Overview:
    """One view of everything. `system` is None until the first sample."""

    system: SystemView | None
    items: Sequence[Item]
    charts: Sequence[Chart]
    downloads: Running
    work: Work
    activity: Sequence[Entry]
