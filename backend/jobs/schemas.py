"""What the API of jobs takes and returns."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Discriminator, Field, JsonValue, Tag, model_validator

from backend.jobs.models import (
    DEFAULT_PRIORITY,
    HIGHEST_PRIORITY,
    LOWEST_PRIORITY,
    Attempt,
    AttemptState,
    BatchStatus,
    ErrorKind,
    Job,
    JobSource,
    JobState,
    Output,
)
from backend.web.paging import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT

MAX_JOBS_AT_ONCE = 10_000
MAX_RETRIES = 20
MAX_WEBHOOK = 2000
MAX_TEMPLATE_ID = 1000


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except (OverflowError, OSError):
        raise ValueError("this time is too far away") from None


# A time without a zone is one of the pod's own zone.
Moment = Annotated[datetime, AfterValidator(_in_utc)]


class JobRequest(BaseModel):
    """One run of a workflow."""

    name: str = Field(
        default="",
        max_length=200,
        description="Shown in lists and used in file names. Default: the template.",
    )
    values: dict[str, JsonValue] = Field(
        default_factory=dict, description='Inputs to set in the prompt: `{"6.text": "a cat", "3.seed": 17}`.'
    )
    priority: int = Field(
        default=DEFAULT_PRIORITY, ge=HIGHEST_PRIORITY, le=LOWEST_PRIORITY, description="1 runs next."
    )
    retry_limit: int = Field(
        default=2, ge=0, le=MAX_RETRIES, description="How often a failed run is tried again."
    )
    start_at: Moment | None = Field(default=None, description="Not before.")
    deadline: Moment | None = Field(default=None, description="Not after; the job expires then.")
    depends_on: list[str] = Field(
        default_factory=list, max_length=100, description="Ids of jobs that must succeed first."
    )
    metadata: dict[str, str] = Field(
        default_factory=dict, max_length=50, description="Yours; returned as it is."
    )
    idempotency_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="Submitting again with the same key returns the first job.",
    )


class SubmitRequest(BaseModel):
    """A batch of runs of one workflow; a single job is a batch of one."""

    prompt: dict[str, Any] = Field(description="The workflow in API format.")
    workflow: dict[str, Any] | None = Field(
        default=None, description="The graph as the editor draws it, kept for provenance."
    )
    template: str | None = Field(
        default=None, max_length=MAX_TEMPLATE_ID, description="Name of the workflow."
    )
    download_models: bool = Field(
        default=False,
        description="Download models that are not on this pod; the jobs wait for them. Without it such a request fails with "
        "`missing_models`, which lists them.",
    )
    webhook: str | None = Field(
        default=None,
        max_length=MAX_WEBHOOK,
        description="A URL that gets a signed message when a job, and when the whole batch, has ended.",
    )
    allow_pickle: bool = Field(
        default=False, description="Also download `.ckpt`, `.pt` and other files whose loading can run code."
    )
    jobs: list[JobRequest] = Field(
        default_factory=lambda: [JobRequest()], min_length=1, max_length=MAX_JOBS_AT_ONCE
    )


class TemplateRequest(BaseModel):
    """A batch of runs of a template."""

    template_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_TEMPLATE_ID,
        description="Id of a template, or a name that only one has.",
    )
    document: dict[str, Any] | None = Field(
        default=None,
        description="Instead of `template_id`: a workflow, as the editor saves it or in API format.",
    )
    template: str | None = Field(
        default=None, max_length=MAX_TEMPLATE_ID, description="Name of the workflow in `document`."
    )
    values: dict[str, JsonValue] = Field(
        default_factory=dict,
        description='Inputs of all jobs, by name or by `NODE.INPUT`: `{"prompt": "a cat", "3.steps": 30}`.',
    )
    grid: dict[str, JsonValue] = Field(
        default_factory=dict,
        max_length=20,
        description="Inputs that vary: one job for each combination. A list of values, or a range: `1..20`, `1..20..5`.",
    )
    runs: int = Field(
        default=1,
        ge=1,
        le=MAX_JOBS_AT_ONCE,
        description="Jobs for each combination, with a seed of their own.",
    )
    download_models: bool = Field(default=False, description="Download models that are missing.")
    allow_pickle: bool = Field(
        default=False, description="Also download `.ckpt`, `.pt` and other files whose loading can run code."
    )
    webhook: str | None = Field(
        default=None,
        max_length=MAX_WEBHOOK,
        description="A URL that gets a signed message when a job, and when the whole batch, has ended.",
    )
    source: Literal[JobSource.API, JobSource.CLI] = Field(
        default=JobSource.API, description="What sends the request."
    )
    jobs: list[JobRequest] = Field(
        default_factory=lambda: [JobRequest()],
        min_length=1,
        max_length=MAX_JOBS_AT_ONCE,
        description="Options, and values that differ from job to job. Each is combined with the whole grid.",
    )

    @model_validator(mode="after")
    def _one_workflow(self) -> Self:
        if (self.template_id is None) == (self.document is None):
            raise ValueError("Give `template_id` or `document`, and not both.")
        return self


def _kind_of(request: Any) -> str:
    is_prompt = isinstance(request, SubmitRequest) or (isinstance(request, dict) and "prompt" in request)
    return "prompt" if is_prompt else "template"


# The body of `POST /api/jobs`.
AnyRequest = Annotated[
    Annotated[SubmitRequest, Tag("prompt")] | Annotated[TemplateRequest, Tag("template")],
    Discriminator(_kind_of),
]


class JobQuery(BaseModel):
    """Which jobs to list."""

    state: set[JobState] = Field(default_factory=set, description="Any of these states; default: all.")
    batch: str | None = Field(default=None, max_length=64, description="Only jobs of this batch.")
    template: str | None = Field(
        default=None, max_length=MAX_TEMPLATE_ID, description="Only runs of this workflow."
    )
    limit: int = Field(
        default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many jobs a page holds at most."
    )
    cursor: str | None = Field(default=None, max_length=MAX_CURSOR, description="Where the page starts.")


class ChangeRequest(BaseModel):
    """Changes to a job that has not started; omitted fields stay unchanged."""

    name: str | None = Field(default=None, min_length=1, max_length=200)
    priority: int | None = Field(default=None, ge=HIGHEST_PRIORITY, le=LOWEST_PRIORITY)
    values: dict[str, JsonValue] | None = Field(default=None, description="Replaces all values of the job.")
    start_at: Moment | None = None
    deadline: Moment | None = None


class ErrorView(BaseModel):
    kind: ErrorKind
    message: str
    node_id: str | None
    node_type: str | None
    node_title: str | None
    traceback: tuple[str, ...]
    details: Mapping[str, Any]


class JobView(BaseModel):
    """A job as the API, the socket and the pages show it."""

    id: str
    name: str
    state: JobState
    priority: int
    batch_id: str | None
    template: str | None
    template_version: str | None
    cell: Mapping[str, Any] = Field(
        description="The values of the batch's axes, by the names that were given."
    )
    prepared: bool = Field(description="False: ComfyUI has not been asked yet what the values mean.")
    values: Mapping[str, Any]
    metadata: Mapping[str, str]
    principal: str
    source: JobSource
    retry_limit: int
    failures: int
    run_count: int
    error: ErrorView | None
    created_at: datetime
    start_at: datetime | None
    deadline: datetime | None
    depends_on: tuple[str, ...]
    downloads: tuple[str, ...] = Field(description="Transfers that the job waits for.")
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> "JobView":
        return cls.model_validate(job, from_attributes=True)


class AttemptView(BaseModel):
    id: str = Field(description="The `prompt_id` at ComfyUI.")
    number: int
    state: AttemptState
    values: Mapping[str, Any] = Field(description="Values that were rolled for this attempt, such as seeds.")
    error: ErrorView | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptView":
        return cls.model_validate(attempt, from_attributes=True)


class OutputView(BaseModel):
    path: str = Field(description="Below the output folder.")
    node_id: str
    kind: str
    bytes: int
    sha256: str
    media_type: str
    reused: bool = Field(description="ComfyUI returned the file of an earlier run.")

    @classmethod
    def of(cls, output: Output) -> "OutputView":
        return cls.model_validate(output, from_attributes=True)


class JobDetails(JobView):
    attempts: list[AttemptView]
    outputs: list[OutputView]


class QueueStatus(BaseModel):
    paused: bool
    counts: dict[JobState, int]


class SubmitReport(BaseModel):
    batch_id: str | None = Field(description="Null for a single job.")
    jobs: list[JobView]


class MoveRequest(BaseModel):
    ids: list[str] = Field(min_length=1, max_length=1000, description="Jobs, in the order wanted.")
    to: Literal["first", "last"] = "first"
    before: str | None = Field(
        default=None,
        max_length=64,
        description="Put them just before this job, with its priority; `to` does not count then.",
    )


class AxisView(BaseModel):
    input: str = Field(description="The input that varies, as it was named.")
    values: tuple[Any, ...]


class BatchView(BaseModel):
    """Jobs that were submitted together."""

    id: str
    name: str
    size: int
    template: str | None
    template_version: str | None
    axes: tuple[AxisView, ...] = Field(description="A grid has a job or more for each combination of values.")
    principal: str
    created_at: datetime
    counts: dict[JobState, int]

    @classmethod
    def of(cls, status: BatchStatus) -> "BatchView":
        return cls.model_validate({**asdict(status.batch), "counts": status.counts})


class BatchDetails(BatchView):
    jobs: list[JobView]


class BatchChange(BaseModel):
    priority: int = Field(ge=HIGHEST_PRIORITY, le=LOWEST_PRIORITY)
