"""Automatic stop, as the API describes it."""

from datetime import datetime

from pydantic import BaseModel, Field

SHORTEST_MINUTES = 5
LONGEST_MINUTES = 7 * 24 * 60


class AutostopRequest(BaseModel):
    minutes: int = Field(
        ge=0,
        le=LONGEST_MINUTES,
        description="Minutes of idleness after which the pod is stopped; 0 is never.",
    )


class AutostopView(BaseModel):
    """Whether and when the pod is stopped."""

    minutes: int = Field(description="Minutes of idleness after which the pod is stopped; 0 is never.")
    host: str | None = Field(description="What stops it: `RunPod`, `Vast`, `AUTOSTOP_COMMAND`, or null.")
    busy: list[str] = Field(description="What runs on the pod at present; empty while it is idle.")
    idle_since: datetime | None = Field(description="Null while something runs.")
    stops_at: datetime | None = Field(description="Null while automatic stop is off or something runs.")
    warns: bool = Field(description="Whether it is so soon that the pages show a countdown.")
    stopping: bool = Field(description="Whether the host was asked to stop the pod.")
    problem: str | None = Field(description="Why the host did not stop the pod, and what to do.")
