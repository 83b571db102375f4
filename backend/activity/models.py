"""An entry of the activity log."""

from datetime import datetime
from typing import TypeAlias

from pydantic import BaseModel, Field

Detail: TypeAlias = str | int | float | bool | None


class Entry(BaseModel, frozen=True):
    """Something that happened. Never changed once written."""

    seq: int = Field(description="Grows by at least one with every entry and is never used again.")
    at: datetime
    kind: str = Field(description="What happened: `download.done`, `preset.deleted`, `sign_in.failed`.")
    principal: str = Field(description="Who did it: `owner`, `key:NAME`, `anonymous`, or `system`.")
    subject: str = Field(description="What it happened to: a file, a preset, a service.")
    details: dict[str, Detail] = {}


class Log(BaseModel):
    """A part of the log, oldest entry first."""

    entries: list[Entry]
    latest: int = Field(description="The newest sequence number of the whole log; 0 while it is empty.")
    complete: bool = Field(
        description="False when entries after the number asked for are missing: deleted because of their age, or "
        "because the log was started anew."
    )
