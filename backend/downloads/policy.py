"""How eager downloads may be, as the pod's user wants it."""

from datetime import datetime, time
from typing import Annotated, Self

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

    def limit_at(self, moment: datetime, *, generating: bool) -> int | None:
        """Bytes per second at `moment`, local time; None when there is no limit."""
        window = next((window for window in self.schedule if window.holds(moment.time())), None)
        limits = [
            window.limit if window else self.limit,
            self.polite_limit if self.polite and generating else None,
        ]
        return min((limit for limit in limits if limit is not None), default=None)
