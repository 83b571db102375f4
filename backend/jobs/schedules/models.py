"""What a schedule is, and what its API takes."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from backend.jobs.models import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY
from backend.jobs.queue_settings import TimeZone
from backend.jobs.schedules.cron import Cron, next_time
from backend.jobs.schemas import MAX_RETRIES


class ScheduleRequest(BaseModel):
    """A new schedule: when, and what to run."""

    name: str = Field(min_length=1, max_length=100, description="Shown in lists; the name of its jobs.")
    cron: Cron
    time_zone: TimeZone = ""
    template_id: str | None = Field(
        default=None,
        max_length=200,
        description="The template to run, as it is at that time, with new seeds.",
    )
    prompt: dict[str, Any] | None = Field(
        default=None, description="The workflow in API format, in place of a template."
    )
    values: dict[str, JsonValue] = Field(default_factory=dict, description="Inputs, as for a job.")
    priority: int = Field(default=DEFAULT_PRIORITY, ge=HIGHEST_PRIORITY, le=LOWEST_PRIORITY)
    retry_limit: int = Field(default=2, ge=0, le=MAX_RETRIES)
    download_models: bool = Field(default=True, description="Download models that are missing by then.")
    paused: bool = False

    @model_validator(mode="after")
    def _has_one_workflow(self) -> Self:
        if (self.template_id is None) == (self.prompt is None):
            raise ValueError("give either `template_id` or `prompt`")
        return self


class ScheduleChange(BaseModel):
    """The fields to change; omitted ones stay unchanged."""

    name: str | None = Field(default=None, min_length=1, max_length=100)
    cron: Cron | None = None
    time_zone: TimeZone | None = None
    values: dict[str, JsonValue] | None = None
    priority: int | None = Field(default=None, ge=HIGHEST_PRIORITY, le=LOWEST_PRIORITY)
    download_models: bool | None = None
    paused: bool | None = None


class Schedule(ScheduleRequest):
    """A schedule with what has become of it."""

    model_config = ConfigDict(frozen=True)

    id: str
    created_at: datetime
    # Runs that are due by then are not made up for.
    counts_from: datetime = Field(description="When it was created or last resumed.")
    last_run_at: datetime | None = None
    last_job_id: str | None = None
    recent_job_ids: tuple[str, ...] = Field(default=(), description="The newest runs, the latest first.")
    problem: str | None = Field(default=None, description="Why the last run could not be submitted.")

    @property
    def due_at(self) -> datetime:
        """Return when it is due. Of several runs that were missed, the first: they are one."""
        return next_time(
            self.cron, self.time_zone, max(self.counts_from, self.last_run_at or self.counts_from)
        )


class ScheduleView(Schedule):
    next_run_at: datetime | None = Field(description="Null while it is paused.")

    @classmethod
    def of(cls, schedule: Schedule) -> Self:
        due_at = None if schedule.paused else schedule.due_at
        return cls(**schedule.model_dump(), next_run_at=due_at)
