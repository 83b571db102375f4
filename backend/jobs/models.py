"""What a job is, and what an attempt to run it is."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

HIGHEST_PRIORITY = 1
DEFAULT_PRIORITY = 50
LOWEST_PRIORITY = 999

Prompt = dict[str, Any]


class JobState(StrEnum):
    """Where a job stands. `transitions` says what may follow what."""

    # For its start time, for the end of other jobs, for models that are being downloaded, or for a first answer of ComfyUI.
    WAITING = "waiting"
    # Will run as soon as ComfyUI is free.
    QUEUED = "queued"
    # An attempt is under way.
    RUNNING = "running"
    # Every output is collected.
    SUCCEEDED = "succeeded"
    # Given up; `error` says why.
    FAILED = "failed"
    # Stopped by a user.
    CANCELLED = "cancelled"
    # Needs a user: a job that it depends on did not succeed, a download failed, or it has killed ComfyUI twice.
    BLOCKED = "blocked"
    # Its deadline passed before it could run.
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        return self in FINAL


FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED})
UNFINISHED = frozenset(JobState) - FINAL


class JobSource(StrEnum):
    """What submitted a job."""

    PAGE = "page"
    API = "api"
    CLI = "cli"
    FOLDER = "folder"
    SCHEDULE = "schedule"
    COMFY_API = "comfy-api"
    # Taken over from ComfyUI's own queue.
    COMFYUI = "comfyui"
    MCP = "mcp"


class AttemptState(StrEnum):
    # Claimed; the prompt may be on its way, wait at ComfyUI, or run there.
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    # ComfyUI does not know the prompt any more, or died with it.
    LOST = "lost"
    # Taken back from ComfyUI before it began; not shown, because nothing was tried.
    WITHDRAWN = "withdrawn"


class ErrorKind(StrEnum):
    """Why an attempt failed, by what helps. `retry` decides by it."""

    # ComfyUI refuses the prompt. The same prompt will always be refused.
    INVALID = "invalid"
    # A model file that the prompt names is not there.
    MISSING_MODEL = "missing_model"
    OUT_OF_MEMORY = "out_of_memory"
    # A node raised an exception.
    NODE = "node"
    # ComfyUI died, or restarted, while the prompt ran.
    COMFYUI_DIED = "comfyui_died"
    # ComfyUI forgot the prompt without a restart, or does not answer.
    CONNECTION = "connection"
    # The result could not be kept: the disk is full or read-only.
    STORAGE = "storage"


@dataclass(frozen=True, kw_only=True)
class JobError:
    """Why an attempt failed, without secrets."""

    kind: ErrorKind
    # What happened and what to do.
    message: str
    node_id: str | None = None
    node_type: str | None = None
    node_title: str | None = None
    traceback: tuple[str, ...] = ()
    # ComfyUI's own answer, where it refused the prompt.
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a workflow. A change makes a new record."""

    id: str
    # Shown to users; two jobs may have the same.
    name: str
    state: JobState = JobState.QUEUED
    # 1 runs next, 999 last.
    priority: int = DEFAULT_PRIORITY
    # Order among jobs of one priority: lower first.
    position: float
    # Jobs created together.
    batch_id: str | None = None
    # Content hash of the prompt that the job starts from; many jobs of a batch share it.
    prompt_hash: str
    # What this job sets in it: `{"6.text": "a cat", "3.seed": 17}`.
    values: Mapping[str, Any] = field(default_factory=dict)
    # What made it, such as a template's id, for the history and for estimates.
    template: str | None = None
    # Where a message goes when the job and its batch have ended.
    webhook: str | None = None
    # Content hash of the template's workflow.
    template_version: str | None = None
    # Where the job is in the grid of its batch: the values of the axes, by the names that the user gave.
    cell: Mapping[str, Any] = field(default_factory=dict)
    # False until ComfyUI has been asked what the values mean. Until then the job has no prompt, only the workflow that it
    # will be made from, and waits.
    prepared: bool = True
    # Given by the client, passed through: strings only.
    metadata: Mapping[str, str] = field(default_factory=dict)
    # A second submission with the same key returns this job.
    idempotency_key: str | None = None
    # Who submitted it, and by what means.
    principal: str = "owner"
    source: JobSource = JobSource.API
    # Tries after the first that failed by itself.
    retry_limit: int = 2
    # Attempts that count against `retry_limit`.
    failures: int = 0
    # Attempts during which ComfyUI died.
    crashes: int = 0
    # All attempts that have begun.
    run_count: int = 0
    # The attempt under way. The prompt of a queued job that has one waits at ComfyUI, behind the one that runs.
    attempt_id: str | None = None
    # A user wants the attempt under way to stop.
    cancel_requested: bool = False
    error: JobError | None = None
    created_at: datetime
    # Not before.
    start_at: datetime | None = None
    # Not after.
    deadline: datetime | None = None
    # Jobs that must succeed first.
    depends_on: tuple[str, ...] = ()
    # Transfers that must end first; each is removed when it is done.
    downloads: tuple[str, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None

    def changed(self, **changes: Any) -> Self:
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An input that varies over a batch, and its values in their order."""

    # As the user named it: `seed` or `6.text`.
    input: str
    values: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Jobs that were submitted together."""

    id: str
    name: str
    # How many jobs it has.
    size: int
    template: str | None = None
    template_version: str | None = None
    # A grid has one job or more for each combination of their values.
    axes: tuple[Axis, ...] = ()
    principal: str = "owner"
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class BatchStatus:
    """A batch, and how many of its jobs are in each state."""

    batch: Batch
    counts: Mapping[JobState, int]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What jobs that are submitted together were made from, apart from the prompt."""

    template_version: str | None = None
    axes: tuple[Axis, ...] = ()
    # For each job; empty without axes.
    cells: Sequence[Mapping[str, Any]] = ()
    # False: the prompt is empty and will be made from the workflow, and the values are as the user gave them.
    prepared: bool = True


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try of a job. Its id is the `prompt_id`, so that it is found in ComfyUI after any crash."""

    id: str
    job_id: str
    number: int
    state: AttemptState = AttemptState.STARTED
    # The worker that owns it, until when; renewed while it runs.
    worker_id: str
    lease_expires_at: datetime
    # The ComfyUI process that it was submitted to, if known: a lost prompt of a dead process was killed with it.
    process_id: str | None = None
    # The seeds and other values that were rolled for this attempt.
    values: Mapping[str, Any] = field(default_factory=dict)
    error: JobError | None = None
    created_at: datetime
    # When ComfyUI began to run it.
    started_at: datetime | None = None
    finished_at: datetime | None = None

    def changed(self, **changes: Any) -> Self:
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class Output:
    """A file that a job made, on this pod."""

    # Path below the workspace's output folder.
    path: str
    node_id: str
    # `image`, `video`, `audio`, `3d`, `text` or `file`.
    kind: str
    bytes: int
    sha256: str
    media_type: str
    # ComfyUI returned the file of an earlier prompt instead of computing it again.
    reused: bool = False


def new_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, kw_only=True)
class JobChanged:
    """Event: a job was created or is in another state."""

    job: Job


@dataclass(frozen=True, kw_only=True)
class QueueChanged:
    """Event: the order of the queue, or whether it is paused, is another one."""


@dataclass(frozen=True, kw_only=True)
class QueueFinished:
    """Event: the last job that could run has ended."""

    succeeded: int
    failed: int
