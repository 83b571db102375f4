"""What the machine and its services look like right now. Sizes are bytes, times seconds."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, Field

from backend.core.disk import Disk


class Memory(BaseModel):
    total: int
    used: int


class Gpu(BaseModel):
    """What a device does not tell, as many figures under MIG, is null."""

    name: str
    memory_total: int | None
    memory_used: int | None
    utilisation: int | None = Field(
        description="Percent of the last sample period in which the GPU was busy."
    )
    temperature: int | None = Field(description="Degrees Celsius.")


class Accelerator(BaseModel):
    kind: str = Field(description="`cuda` or `cpu`.")
    verdict: str = Field(description="`ok`, or a word for what keeps the GPU from being used.")
    message: str
    devices: list[Gpu]
    answering: bool = Field(
        description="False while the driver keeps us waiting; `devices` are as they were last seen."
    )


class ComfyState(BaseModel):
    up: bool
    version: str | None
    state: str = Field(description="The supervisor's word, or `unknown` where none runs.")


class Action(StrEnum):
    START = "start"
    STOP = "stop"
    RESTART = "restart"


class Service(BaseModel):
    name: str
    title: str = Field(description="What people call it.")
    state: str = Field(
        description="The supervisor's word: `running`, `starting`, `backoff` (crashed, will be started again), "
        "`stopping`, `stopped`, `exited` or `fatal`."
    )
    description: str = Field(description="The supervisor's remark, such as why the service ended.")
    started_at: datetime | None = Field(description="Null while it is not running.")
    allowed: tuple[Action, ...] = Field(description="What it can be asked to do at all.")
    possible: tuple[Action, ...] = Field(description="What makes sense in this state.")


class LogNews(BaseModel):
    """A frame of `/ws/services/{name}/log`. A snapshot replaces what was shown before."""

    type: Literal["snapshot", "lines"]
    lines: list[str]
    unfinished: str = Field(
        description="The beginning of a line, such as a progress bar; replaces the last one."
    )


class Problem(BaseModel):
    code: str
    message: str
    remedy: str = ""


class Workspace(BaseModel):
    """How preparing the workspace went, as the boot scripts report it."""

    state: str = Field(description="`preparing`, `ready` or `failed`.")
    case: str = Field(
        default="", description="`unmounted`, `empty`, `warm`, `foreign` or `unusable`: what was found there."
    )
    activity: str = Field(default="", description="What ComfyUI waits for, empty when for nothing.")
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
    problems: list[Problem] = Field(description="Variables whose value could not be used.")
