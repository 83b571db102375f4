"""The current state of the machine and its services. Sizes are in bytes, durations in seconds."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, Field

from backend.core.disk import Disk


class Memory(BaseModel):
    total: int
    used: int


class Gpu(BaseModel):
    """A GPU. A value that the device does not report is null, as many are under MIG."""

    name: str
    memory_total: int | None
    memory_used: int | None
    utilisation: int | None = Field(
        description="Percent of the last sample period in which the GPU was busy."
    )
    temperature: int | None = Field(description="Degrees Celsius.")
    power: float | None = Field(default=None, description="Watts.")


class Accelerator(BaseModel):
    kind: str = Field(description="`cuda` or `cpu`.")
    verdict: str = Field(description="`ok`, or a code for the reason why the GPU cannot be used.")
    message: str
    devices: list[Gpu]
    answering: bool = Field(
        description="False while the driver does not respond; `devices` then holds the last known values."
    )


class Crash(BaseModel):
    """Why ComfyUI has exited by itself."""

    at: datetime
    exit_code: int = Field(description="Negative is the number of the signal that ended it.")
    message: str
    remedy: str
    lines: list[str] = Field(description="The lines of the log that belong to it, with secrets masked.")
    count: int = Field(description="How many times in a row.")
    restart_at: datetime | None = Field(description="When it will be started again; null when it is not.")
    stays_down: bool = Field(description="Whether it has crashed too often, so that it waits for a user.")

    def as_problem(self) -> "Problem":
        return Problem(code="comfyui_crashed", message=self.message, remedy=self.remedy)


class FailedNode(BaseModel):
    """A custom node that ComfyUI could not import."""

    name: str = Field(description="The node's folder or file.")
    error: str = Field(description="The reason; empty when the log has none.")


class ComfyState(BaseModel):
    up: bool = Field(description="Whether it answers.")
    version: str | None
    state: str = Field(description="The state of its service, or `unknown` without a supervisor.")
    crash: Crash | None = Field(default=None, description="The last crash, until ComfyUI works again.")
    failed_nodes: list[FailedNode] = Field(default=[], description="Custom nodes that could not be imported.")


class Action(StrEnum):
    START = "start"
    STOP = "stop"
    RESTART = "restart"


class Service(BaseModel):
    name: str
    title: str = Field(description="The name that pages show.")
    state: str = Field(
        description="`running` (ComfyUI: it listens), `starting`, `backoff` (crashed, will be restarted), `stopping`, "
        "`stopped`, `exited`, or `fatal` (crashed too often, waits for a user)."
    )
    description: str = Field(description="The supervisor's description, such as why the service ended.")
    started_at: datetime | None = Field(description="Null while it is not running.")
    memory: int | None = Field(
        default=None,
        description="Bytes that it and its child processes occupy; null while it is not running.",
    )
    port: int | None = Field(default=None, description="The public port of the pod that leads to it.")
    allowed: tuple[Action, ...] = Field(description="The actions that this service permits.")
    possible: tuple[Action, ...] = Field(
        description="The permitted actions that have an effect in the current state."
    )


class LogFrame(BaseModel):
    """A frame of `/ws/services/{name}/log`. A snapshot replaces all lines shown before."""

    type: Literal["snapshot", "lines"]
    lines: list[str]
    unfinished: str = Field(
        description="A line that has not ended yet, such as a progress bar; replaces the previous one."
    )


class Problem(BaseModel):
    code: str
    message: str
    remedy: str = ""


class HookRun(BaseModel):
    """One of the user's own scripts that run around ComfyUI's start."""

    name: str
    stage: str = Field(description="`before-comfyui` or `after-comfyui`.")
    state: str = Field(description="`waiting`, `running`, `done`, `failed` or `timed_out`.")
    exit_code: int | None
    seconds: float
    output: list[str] = Field(description="Its last lines, with secrets masked.")


class Workspace(BaseModel):
    """The result of preparing the workspace, as the boot scripts report it."""

    state: str = Field(description="`preparing`, `ready` or `failed`.")
    case: str = Field(
        default="",
        description="The state in which the volume was found: `unmounted`, `empty`, `warm`, `foreign` or `unusable`.",
    )
    activity: str = Field(default="", description="What ComfyUI waits for; empty when it does not wait.")
    problems: list[Problem] = []
    notes: list[str] = []


class SystemView(BaseModel):
    version: str
    uptime_seconds: int
    cpu_percent: float
    memory: Memory
    disk: Disk
    accelerator: Accelerator
    comfyui: ComfyState
    services: list[Service]
    workspace: Workspace | None = Field(description="Null outside a pod.")
    hooks: list[HookRun] = Field(description="The user's hooks at ComfyUI's newest start.")
    problems: list[Problem] = Field(
        description="Variables with unusable values, a database that cannot be written, why ComfyUI crashed, "
        "nodes and hooks that failed."
    )
