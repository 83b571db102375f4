"""How eager downloads may be, as the pod's user wants it."""

from datetime import datetime, time
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MEGABYTE = 1_000_000

# Slower than this, connections would be closed by servers that lose their patience.
Rate = Annotated[int, Field(ge=MEGABYTE // 10, le=100_000 * MEGABYTE)]


class Window(BaseModel):
    """Hours of every day, in the pod's time zone, with a limit of their own. `23:00` to `07:00` passes midnight."""

    model_config = ConfigDict(frozen=True)

    start: time
    end: time
    limit: Rate = Field(description="Bytes per second over all downloads.")

    def holds(self, moment: time) -> bool:
        if self.start <= self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


class Policy(BaseModel):
    """What all downloads together may take."""

    model_config = ConfigDict(frozen=True)

    files_at_once: int = Field(
        default=4, ge=1, le=16, description="How many files are fetched at the same time."
    )
    connections: int = Field(
        default=16, ge=1, le=16, description="Most connections for one file; small files get fewer."
    )
    limit: Rate | None = Field(
        default=None, description="Bytes per second over all downloads; null: as fast as they come."
    )
    schedule: tuple[Window, ...] = Field(
        default=(), max_length=12, description="Hours with another limit. The first that holds counts."
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
