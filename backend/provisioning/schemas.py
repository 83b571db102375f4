"""Requests and responses of the provisioning API."""

from datetime import datetime

from pydantic import BaseModel, Field

from backend.provisioning.models import Kind, State


class StepView(BaseModel):
    """A step of the document with its state."""

    key: str
    kind: Kind
    title: str
    state: State
    message: str = Field(description="Why it failed and what to do.")
    seconds: float
    output: list[str] = Field(description="The last lines that its programs wrote.")


class ProvisioningView(BaseModel):
    """The document, its steps, and whether they are applied."""

    source: str = Field(description="Path or address of the document; empty without one.")
    sha256: str
    problems: list[str] = Field(description="Why the document cannot be used.")
    steps: list[StepView]
    running: bool
    interrupted: bool = Field(description="Whether the last run was ended before it was complete.")
    needs_restart: bool = Field(description="Whether ComfyUI must be restarted to see what was applied.")
    started_at: datetime | None
    finished_at: datetime | None


class RunRequest(BaseModel):
    """How to apply the document."""

    again: bool = Field(default=False, description="Also apply the steps that were applied before.")


class MistakeView(BaseModel):
    line: int | None
    message: str


class CheckView(BaseModel):
    """The result of a check: mistakes, or the steps that the document would take."""

    mistakes: list[MistakeView] = Field(description="Empty when it can be used.")
    steps: list[str]
