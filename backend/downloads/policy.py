"""How eager downloads may be, as the pod's user wants it."""

from datetime import datetime, time
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MEGABYTE = 1_000_000
# Slower than this, connections would be closed by servers that lose their patience.
SLOWEST = MEGABYTE // 10
FASTEST = 100_000 * MEGABYTE
MOST_FILES = 16
MOST_CONNECTIONS = 16
MOST_WINDOWS = 12


def _without_zone(moment: time) -> time:
    if moment.tzinfo:
        raise ValueError("hours are in the pod's time zone: leave the zone out")
    return moment


Rate = Annotated[int, Field(ge=SLOWEST, le=FASTEST)]
Hour = Annotated[time, AfterValidator(_without_zone)]


Why = Literal["limit", "schedule", "generating"]


class Window(BaseModel):
    """Hours of every day, in the pod's time zone, with a limit of their own. `23:00` to `07:00` passes midnight."""

    model_config = ConfigDict(frozen=True)

    start: Hour
    end: Hour
    limit: Rate = Field(description="Bytes per second over all downloads.")

    @model_validator(mode="after")
    def _is_some_time(self) -> Self:
        if self.start == self.end:
            raise ValueError("a window that ends when it starts holds never")
        return self

    def holds(self, moment: time) -> bool:
        if self.start <= self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


class Policy(BaseModel):
    """What all downloads together may take."""

    model_config = ConfigDict(frozen=True)

    files_at_once: int = Field(
        default=4, ge=1, le=MOST_FILES, description="How many files are fetched at the same time."
    )
    connections: int = Field(
        default=MOST_CONNECTIONS,
        ge=1,
        le=MOST_CONNECTIONS,
        description="Most connections for one file; small files get fewer.",
    )
    limit: Rate | None = Field(
        default=None, description="Bytes per second over all downloads; null: as fast as they come."
    )
    schedule: tuple[Window, ...] = Field(
        default=(),
        max_length=MOST_WINDOWS,
        description="Hours with another limit. The first that holds counts.",
    )
    polite: bool = Field(default=False, description="Slow down while ComfyUI is generating.")
    polite_limit: Rate = Field(
        default=20 * MEGABYTE, description="Bytes per second while ComfyUI is generating, if `polite`."
    )

    def pace_at(self, moment: datetime, *, generating: bool) -> "RateLimit":
        """What holds at `moment`, local time: the strictest of what applies."""
        window = next((window for window in self.schedule if window.holds(moment.time())), None)
        limits: list[tuple[int, Why]] = []
        if window:
            limits.append((window.limit, "schedule"))
        elif self.limit:
            limits.append((self.limit, "limit"))
        if self.polite and generating:
            limits.append((self.polite_limit, "generating"))
        if not limits:
            return RateLimit()
        limit, why = min(limits)
        return RateLimit(limit=limit, why=why)


class RateLimit(BaseModel):
    """How fast all downloads together may go at this moment."""

    model_config = ConfigDict(frozen=True)

    limit: int | None = Field(default=None, description="Bytes per second; null: as fast as they come.")
    why: Why | None = Field(default=None, description="What asks for it; null where nothing does.")
