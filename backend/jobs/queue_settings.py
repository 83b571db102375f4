"""How the queue behaves: limits, quiet hours, what happens after a crash. Kept in the journal, so that the next pod has it."""

from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from backend.jobs.changes import Changes
from backend.jobs.store import JobStore

SETTING = "queue"
MAX_UNFINISHED = 100_000


def _known_zone(name: str) -> str:
    try:
        zone_of(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("this time zone is unknown; use a name such as Europe/Berlin") from None
    return name


def zone_of(name: str) -> ZoneInfo | None:
    """Return the zone; None, the pod's own zone, for an empty name."""
    return ZoneInfo(name) if name else None


TimeZone = Annotated[
    str,
    Field(max_length=100, description="Such as `Europe/Berlin`. Empty: the pod's own."),
    AfterValidator(_known_zone),
]


Hosts = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=255)], ...], Field(max_length=50)]


class AfterCrash(StrEnum):
    """What the queue does when the control plane starts after a crash, or on a new pod."""

    AS_BEFORE = "as_before"
    RUN = "run"
    PAUSED = "paused"


class QuietHours(BaseModel):
    """Jobs do not start between two times of day. What runs ends normally."""

    model_config = ConfigDict(frozen=True)

    start: time = Field(description="Such as `22:00`.")
    end: time = Field(description="May be earlier than the start: the night is in between.")
    time_zone: TimeZone = ""

    def include(self, moment: datetime) -> bool:
        now = moment.astimezone(zone_of(self.time_zone)).time()
        start, end = self.start.replace(tzinfo=None), self.end.replace(tzinfo=None)
        return start <= now < end if start <= end else now >= start or now < end


class QueueSettings(BaseModel):
    model_config = ConfigDict(frozen=True)

    max_jobs: int = Field(
        default=MAX_UNFINISHED, ge=1, le=MAX_UNFINISHED, description="Unfinished jobs in the queue at most."
    )
    max_jobs_per_key: int | None = Field(
        default=None, ge=1, le=MAX_UNFINISHED, description="Unfinished jobs of one API key. Null: no limit."
    )
    after_crash: AfterCrash = Field(
        default=AfterCrash.AS_BEFORE,
        description="Whether the queue runs after a crash: always, not until it is resumed, or as before.",
    )
    comfyui_first: bool = Field(
        default=True, description="Prompts from ComfyUI's own page run before jobs; otherwise jobs go first."
    )
    quiet_hours: QuietHours | None = Field(default=None, description="Null: jobs start at any time.")
    webhook_allowed_hosts: Hosts = Field(
        default=(),
        description="Hosts (`name` or `name:port`) that webhooks may reach although they are private.",
    )


class QueueSettingsChange(BaseModel):
    """The settings to change; omitted ones stay unchanged."""

    max_jobs: int | None = Field(default=None, ge=1, le=MAX_UNFINISHED)
    max_jobs_per_key: int | None = Field(default=None, ge=1, le=MAX_UNFINISHED)
    after_crash: AfterCrash | None = None
    comfyui_first: bool | None = None
    quiet_hours: QuietHours | None = None
    webhook_allowed_hosts: Hosts | None = None


# Fields that null sets, instead of leaving them as they are.
NULLABLE = frozenset({"max_jobs_per_key", "quiet_hours"})


class QueuePolicy:
    """The settings in force."""

    def __init__(self, store: JobStore):
        self._store = store
        self.current = QueueSettings()

    async def load(self) -> None:
        saved = await self._store.setting(SETTING)
        if saved:
            self.current = QueueSettings.model_validate_json(saved)

    async def change(self, request: QueueSettingsChange) -> QueueSettings:
        changes: dict[str, Any] = {
            name: value
            for name, value in request.model_dump(exclude_unset=True).items()
            if value is not None or name in NULLABLE
        }
        changed = QueueSettings.model_validate(self.current.model_dump() | changes)
        await self._store.save(Changes(settings={SETTING: changed.model_dump_json()}))
        self.current = changed
        return changed

    def is_quiet(self, moment: datetime) -> bool:
        quiet = self.current.quiet_hours
        return quiet is not None and quiet.include(moment)
