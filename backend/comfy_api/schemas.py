"""What the protocol sends and takes. Optional keys that the SDK requires are sent as null."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, JsonValue

from backend.web.paging import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT

Status = Literal["queued", "running", "succeeded", "canceling", "canceled", "failed", "expired"]
OutputType = Literal["image", "video", "audio", "text", "file", "latent"]

MAX_LABELS, MAX_LABEL_NAME, MAX_LABEL_VALUE = 16, 64, 512
# What the official self-hosted proxy accepts, which does nothing with it.
MAX_PRIORITY = 1_000_000

Label = Annotated[str, Field(max_length=MAX_LABEL_VALUE)]
LabelName = Annotated[str, Field(min_length=1, max_length=MAX_LABEL_NAME)]


class ExtraData(BaseModel, extra="forbid"):
    api_key_comfy_org: str | None = Field(
        default=None, max_length=1000, description="For API nodes. Kept in memory until the job has ended."
    )


class SubmitBody(BaseModel):
    workflow: dict[str, Any] = Field(default_factory=dict, description="The workflow in API format.")
    extra_data: ExtraData | None = None
    metadata: dict[LabelName, Label] | Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="Labels of the job: a map of strings, or one string as the proxy takes it."
    )
    priority: int | None = Field(
        default=None,
        ge=-MAX_PRIORITY,
        le=MAX_PRIORITY,
        description="1 runs next, 999 last; what lies outside counts as the nearest of the two. Default: 50.",
    )


class FromHashBody(BaseModel):
    hash: str = Field(max_length=200, description="`blake3:` and the digest in hexadecimal.")
    file_path: str | None = Field(default=None, max_length=1024)
    tags: list[JsonValue] | None = Field(default=None, max_length=100, description="Accepted and ignored.")


class ListQuery(BaseModel):
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: str | None = Field(default=None, max_length=MAX_CURSOR)
    status: str | None = Field(default=None, max_length=200, description="Statuses, separated by commas.")


class ProgressBody(BaseModel):
    value: float
    nodes_done: int
    nodes_total: int
    current_node: str | None = None
    current_node_class: str | None = None
    step: int | None = None
    steps: int | None = None
    message: str | None = None


class OutputBody(BaseModel):
    node_id: str
    name: str
    type: OutputType
    content_type: str
    size_bytes: int
    id: str
    hash: str | None
    url: str
    url_expires_at: datetime
    job_id: str


class ErrorOfJob(BaseModel):
    code: str
    message: str
    node_id: str | None
    class_type: str | None
    traceback: str | None


class JobLinks(BaseModel):
    self: str
    events: str
    cancel: str


class JobBody(BaseModel):
    id: str
    status: Status
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime
    queue_position: int | None
    progress: ProgressBody | None
    outputs: list[OutputBody]
    outputs_reused: bool
    error: ErrorOfJob | None
    metrics: dict[str, int | None]
    metadata: dict[str, str]
    priority: int
    urls: JobLinks


class JobSummary(BaseModel):
    id: str
    status: Status
    create_time: datetime
    update_time: datetime
    metadata: dict[str, str]


class JobList(BaseModel):
    jobs: list[JobSummary]
    next_cursor: str | None
    truncated: bool


class WorkflowBody(BaseModel):
    workflow: dict[str, Any]
    format: Literal["api"] = "api"


class AssetBody(BaseModel):
    id: str
    hash: str | None
    size_bytes: int
    content_type: str
    file_path: str | None
    created_new: bool | None
    created_at: datetime
    url: str
    url_expires_at: datetime
    expires_at: datetime | None
    job_id: str | None


class ApiHealth(BaseModel):
    status: Literal["healthy"] = "healthy"
