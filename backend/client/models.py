"""What the API returns, as the client reads it.

Fields that a newer control plane adds are kept, so that `model_dump` returns the whole response.
"""

from datetime import datetime, time
from typing import Any

from pydantic import BaseModel, ConfigDict

# Jobs in these states wait for nothing but a user.
OVER = frozenset({"succeeded", "failed", "cancelled", "blocked", "expired"})
MOVING = frozenset({"queued", "running", "verifying", "retrying"})


class Model(BaseModel):
    """The base of all responses."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Token(Model):
    access_token: str
    expires_in: int


class Problem(Model):
    code: str
    message: str


class Transfer(Model):
    """A file in the download queue."""

    id: str
    url: str
    host: str
    folder: str
    filename: str
    preset: str | None
    state: str
    verification: str | None
    problem: Problem | None
    bytes: int | None
    received: int
    checked: int
    speed: float
    seconds_left: float | None
    connections: int
    failures: int
    seen_by_comfyui: bool | None
    sha256: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    retry_at: datetime | None

    @property
    def moves(self) -> bool:
        """Return whether it continues without a command of the user."""
        return self.state in MOVING

    @property
    def place(self) -> str:
        """Path below the models folder."""
        return f"{self.folder}/{self.filename}"


class Refusal(Model):
    """A file that was not queued, and why."""

    filename: str
    message: str


class BatchReport(Model):
    transfers: list[Transfer]
    refused: list[Refusal]


class LogLine(Model):
    """An event in the life of a transfer."""

    at: datetime
    message: str


class Window(Model):
    """Hours of every day with a limit of their own."""

    start: time
    end: time
    limit: int


class Policy(Model):
    """What all downloads together may use. Limits are bytes per second."""

    files_at_once: int
    connections: int
    limit: int | None
    schedule: tuple[Window, ...]
    polite: bool
    polite_limit: int


class PresetFile(Model):
    folder: str
    filename: str
    url: str
    bytes: int | None
    sha256: str | None
    alternatives: tuple[str, ...]

    @property
    def place(self) -> str:
        """Path below the models folder."""
        return f"{self.folder}/{self.filename}"


class Preset(Model):
    """A workflow and the files it needs."""

    id: str
    title: str
    category: str
    description: str
    tags: tuple[str, ...]
    vram_gb: float | None
    disk_bytes: int | None
    licence: str | None
    gated: bool
    workflow: str | None
    origin: str
    files: tuple[PresetFile, ...]


class PresetSummary(Model):
    preset: Preset
    state: str
    installed_files: int


class FileStatus(Model):
    """A file of a preset, and its state on the pod."""

    file: PresetFile
    format: str
    scan: str | None
    state: str
    verified: bool
    found: int | None
    transfer: str | None
    received: int
    bytes: int | None


class PresetStatus(Model):
    id: str
    state: str
    installed_files: int
    total_files: int
    received: int
    bytes: int | None
    to_fetch: int
    sizes_unknown: int
    free: int
    files: list[FileStatus]

    @property
    def short_by(self) -> int:
        """Bytes that must be freed before the download fits."""
        return max(0, self.to_fetch - self.free)


class FileProblem(Model):
    """A mistake in a preset's file."""

    file: str
    line: int | None
    message: str


class UpdateReport(Model):
    presets: int
    added: list[str]
    removed: list[str]
    problems: list[FileProblem]


class ExportReport(Model):
    preset: str | None
    hashing: list[str]
    left_out: list[str]
    bytes: int
    hashed: int


class RequiredFile(Model):
    """A file that a workflow needs, and where it is available."""

    filename: str
    format: str
    scan: str | None
    folder: str | None
    node_types: list[str]
    switched_off: bool
    state: str
    found_at: str | None
    transfer: str | None
    url: str | None
    host: str | None
    named_by: str | None
    bytes: int | None
    sha256: str | None

    @property
    def downloadable(self) -> bool:
        """Return whether a download, or a second name for a file on the pod, provides it."""
        return self.state in ("fetchable", "same_content") and not self.switched_off

    @property
    def needs_attention(self) -> bool:
        """Return whether only the user can provide it."""
        return self.state in ("unknown", "same_name", "other") and not self.switched_off


class MissingNode(Model):
    """A kind of node that ComfyUI does not have."""

    type: str
    package: str | None


class WorkflowRequirements(Model):
    files: list[RequiredFile]
    bytes_to_fetch: int
    sizes_unknown: int
    free: int
    nodes_checked: bool
    missing_nodes: list[MissingNode]

    @property
    def downloadable(self) -> list[RequiredFile]:
        return [file for file in self.files if file.downloadable]


class FetchReport(Model):
    """The result of a request for all files that a workflow lacks."""

    transfers: list[Transfer]
    linked: list[str]
    refused: list[Refusal]


class ModelFile(Model):
    """A model that ComfyUI offers."""

    path: str
    folder: str
    filename: str
    bytes: int
    modified_at: datetime
    sha256: str | None
    presets: list[str]
    deletable: bool


class TemplateSummary(Model):
    """A workflow that jobs can be made from."""

    id: str
    title: str
    source: str
    description: str
    media_type: str | None
    paid: bool
    problem: str | None


class TemplateDetails(Model):
    id: str
    title: str
    source: str
    version: str
    description: str
    media_type: str | None
    required_inputs: tuple[str, ...]
    format: str
    workflow: dict[str, Any]


class JobError(Model):
    """Why an attempt failed."""

    kind: str
    message: str
    traceback: tuple[str, ...]


class Job(Model):
    """One run of a workflow."""

    id: str
    name: str
    state: str
    priority: int
    batch_id: str | None
    template: str | None
    values: dict[str, Any]
    error: JobError | None
    run_count: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Return whether nothing happens any more without a command of the user."""
        return self.state in OVER


class Attempt(Model):
    id: str
    number: int
    state: str
    error: JobError | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Output(Model):
    """A file that a job made."""

    path: str
    kind: str
    bytes: int
    sha256: str


class JobDetails(Job):
    attempts: list[Attempt]
    outputs: list[Output]


class JobProgress(Model):
    job_id: str
    nodes_done: int
    running: tuple[str, ...]
    value: float
    maximum: float


class SubmitReport(Model):
    batch_id: str | None
    jobs: list[Job]


class QueueStatus(Model):
    paused: bool
    counts: dict[str, int]


class Axis(Model):
    """An input that varies over a batch."""

    input: str
    values: tuple[Any, ...]


class Batch(Model):
    """Jobs that were submitted together."""

    id: str
    name: str
    size: int
    template: str | None
    axes: tuple[Axis, ...]
    created_at: datetime
    counts: dict[str, int]


class Activity(Model):
    """An entry of the activity log."""

    seq: int
    at: datetime
    kind: str
    principal: str
    subject: str
    details: dict[str, Any]


class ActivityLog(Model):
    """A part of the log, oldest entry first. `complete`: no entry after the number asked for is missing."""

    entries: list[Activity]
    latest: int
    complete: bool


class ApiKey(Model):
    """An API key without its secret."""

    id: str
    name: str
    scopes: list[str]
    ending: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class ApiKeyList(Model):
    keys: list[ApiKey]
    unreadable: list[str]


class NewApiKey(Model):
    key: ApiKey
    secret: str


class Session(Model):
    """A browser or program that signed in with the password."""

    id: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    user_agent: str
    current: bool


class SessionList(Model):
    sessions: list[Session]


class EndedSessions(Model):
    ended: int


class InputFile(Model):
    """A file that workflows load."""

    name: str
    bytes: int
    media_type: str


class Schedule(Model):
    """A job at fixed times."""

    id: str
    name: str
    cron: str
    time_zone: str
    template_id: str | None
    paused: bool
    last_run_at: datetime | None
    next_run_at: datetime | None
    problem: str | None
