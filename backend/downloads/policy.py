"""How much bandwidth downloads may use: the user's policy, and the limit that follows from it."""

from datetime import datetime, time
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MEGABYTE = 1_000_000
# Servers close connections that are slower than this.
MIN_RATE = MEGABYTE // 10
MAX_RATE = 100_000 * MEGABYTE
MAX_FILES = 16
MAX_CONNECTIONS = 16
MAX_WINDOWS = 12


def _without_zone(moment: time) -> time:
    if moment.tzinfo:
        raise ValueError("hours are in the pod's time zone: leave the zone out")
    return moment


Rate = Annotated[int, Field(ge=MIN_RATE, le=MAX_RATE)]
Hour = Annotated[time, AfterValidator(_without_zone)]


Reason = Literal["limit", "schedule", "generating"]


class Window(BaseModel):
    """Hours of every day, in the pod's time zone, with their own limit. They may pass midnight: `23:00` to `07:00`."""

    model_config = ConfigDict(frozen=True)

    start: Hour
    end: Hour
    limit: Rate = Field(description="Bytes per second over all downloads.")

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.start == self.end:
            raise ValueError("these hours end when they begin")
        return self

    def contains(self, moment: time) -> bool:
        if self.start <= self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


class Policy(BaseModel):
    """The limits of all downloads together."""

    model_config = ConfigDict(frozen=True)

    files_at_once: int = Field(
        default=4, ge=1, le=MAX_FILES, description="How many files are downloaded at the same time."
    )
    connections: int = Field(
        default=MAX_CONNECTIONS,
        ge=1,
        le=MAX_CONNECTIONS,
        description="Most connections for one file. Small files get fewer.",
    )
    limit: Rate | None = Field(
        default=None, description="Bytes per second over all downloads; null: unlimited."
    )
    schedule: tuple[Window, ...] = Field(
        default=(),
        max_length=MAX_WINDOWS,
        description="Hours with another limit. The first that applies counts.",
    )
    polite: bool = Field(default=False, description="Slow down while ComfyUI is generating.")
    polite_limit: Rate = Field(
        default=20 * MEGABYTE, description="Bytes per second while ComfyUI is generating, if `polite`."
    )

    def rate_limit_at(self, moment: datetime, *, generating: bool) -> "RateLimit":
        """Return the limit at `moment`, local time: the strictest one that applies."""
        window = next((window for window in self.schedule if window.contains(moment.time())), None)
        limits: list[tuple[int, Reason]] = []
        if window:
            limits.append((window.limit, "schedule"))
        elif self.limit:
            limits.append((self.limit, "limit"))
        if self.polite and generating:
            limits.append((self.polite_limit, "generating"))
        if not limits:
            return RateLimit()
        limit, reason = min(limits)
        return RateLimit(limit=limit, why=reason)


class RateLimit(BaseModel):
    """The limit of all downloads together that applies now."""

    model_config = ConfigDict(frozen=True)

    limit: int | None = Field(default=None, description="Bytes per second; null: unlimited.")
    why: Reason | None = Field(default=None, description="Where the limit comes from; null without one.")
