"""Which jobs a list shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.jobs.models import JobState


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    states: tuple[JobState, ...] = ()
    batch_id: str | None = None
    template: str | None = None
    # Text in the name or in a value.
    q: str = ""
    # `Job.metadata` must have all of these entries.
    labels: Mapping[str, str] = field(default_factory=dict)
