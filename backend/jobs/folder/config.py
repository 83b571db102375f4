"""What job files and `global_config.yaml` contain. Pure functions; every error names the line."""

import difflib
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from backend.core.safe_yaml import Value, parse_yaml
from backend.jobs.folder.names import MEDIA_TYPES, InvalidJobFile
from backend.jobs.models import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY
from backend.jobs.schemas import MAX_RETRIES, Moment

MAX_BYTES = 1_000_000

Model = TypeVar("Model", bound=BaseModel)


def _clamped(low: int, high: int) -> BeforeValidator:
    """Bring whole numbers into the range; leave what is no number to be refused."""
    return BeforeValidator(lambda value: min(max(value, low), high) if type(value) is int else value)


Priority = Annotated[int, _clamped(HIGHEST_PRIORITY, LOWEST_PRIORITY), Field(strict=True)]
RetryLimit = Annotated[int, _clamped(0, MAX_RETRIES), Field(strict=True)]


class _Paths(BaseModel):
    """Below the workspace. Jobs are kept in the control plane's own database, whatever `database` says."""

    jobs_processing: str = "jobs/processing"
    jobs_finished: str = "jobs/finished"
    database: str | None = None


class _ComfyUI(BaseModel):
    api_base_url: str | None = None
    timeout_seconds: float | None = Field(default=None, gt=0)


class GlobalConfig(BaseModel):
    """`global_config.yaml`. Whatever it leaves out has a default."""

    default_priority: Priority = DEFAULT_PRIORITY
    retry_limit: RetryLimit = 2
    poll_interval_ms: int = Field(default=2000, ge=100, le=3_600_000)
    paths: _Paths = _Paths()
    comfyui: _ComfyUI = _ComfyUI()


class _Outputs(BaseModel):
    file_path: str = Field(min_length=1, max_length=1000)


class JobFile(BaseModel):
    """The content of a job file."""

    model_config = ConfigDict(extra="allow")

    job_type: str
    workflow_id: str = Field(min_length=1, max_length=200)
    inputs: dict[str, Any]
    outputs: _Outputs
    # None: as `global_config.yaml` says.
    priority: Priority | None = None
    retry_limit: RetryLimit | None = None
    start_at: Moment | None = None
    deadline: Moment | None = None
    # Download models that are missing; files whose loading can run code only with `allow_pickle`.
    download_models: bool = True
    allow_pickle: bool = False


def read_global_config(content: bytes) -> GlobalConfig:
    """Read the file. Raise InvalidJobFile when it is no YAML or has a wrong value."""
    value = _parsed(content)
    return GlobalConfig() if value is None else _validated(GlobalConfig, value)


def read_job_file(content: bytes) -> JobFile:
    """Read the file. Raise InvalidJobFile with the line and the reason."""
    value = _parsed(content)
    if value is None:
        raise InvalidJobFile("The file is empty.")
    job = _validated(JobFile, value)
    if job.job_type.lower() not in MEDIA_TYPES:
        raise InvalidJobFile(
            f"Line {value.line_of(('job_type',))}: `{job.job_type[:50]}` is no job type. "
            f"Use one of: {', '.join(MEDIA_TYPES)}."
        )
    _check_spelling(job, value)
    return job


def _parsed(content: bytes) -> Value | None:
    if len(content) > MAX_BYTES:
        raise InvalidJobFile(f"The file has more than {MAX_BYTES} bytes.")
    try:
        return parse_yaml(content.decode())
    except UnicodeDecodeError:
        raise InvalidJobFile("The file is not text in UTF-8.") from None
    except yaml.YAMLError as error:
        raise InvalidJobFile(f"This is not YAML: {_reason(error)}.") from None


def _reason(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    line = getattr(error, "line", None) or (mark.line + 1 if mark else None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    return f"line {line}: {problem}" if line else problem


def _validated(kind: type[Model], value: Value) -> Model:
    if not isinstance(value.data, dict):
        raise InvalidJobFile("Line 1: fields such as `workflow_id: portrait` are expected.")
    try:
        return kind.model_validate({str(name): item for name, item in value.data.items()})
    except ValidationError as error:
        problems = [
            f"Line {value.line_of(item['loc'])}: {'.'.join(map(str, item['loc']))}: {_message(item['msg'])}"
            for item in error.errors()[:10]
        ]
        raise InvalidJobFile("\n".join(problems)) from None


def _message(text: str) -> str:
    return "it is missing" if text == "Field required" else text[0].lower() + text[1:]


def _check_spelling(job: JobFile, value: Value) -> None:
    """Refuse a field that looks like one of ours with a typing mistake; others are for the user."""
    for name in job.model_extra or {}:
        alike = difflib.get_close_matches(name[:50], JobFile.model_fields, n=1, cutoff=0.8)
        if alike:
            raise InvalidJobFile(
                f"Line {value.line_of((name,))}: there is no field `{name[:50]}`. Did you mean `{alike[0]}`?"
            )
