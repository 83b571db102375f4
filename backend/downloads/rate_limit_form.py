"""Speed and schedule as a form: what was typed, in MB/s, and what is wrong with it in words."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, ValidationError

from backend.core import clock
from backend.downloads.policy import (
    FASTEST,
    MEGABYTE,
    MOST_CONNECTIONS,
    MOST_FILES,
    MOST_WINDOWS,
    SLOWEST,
    Policy,
)

SPEED = f"A number of MB/s from {SLOWEST / MEGABYTE:g} to {FASTEST // MEGABYTE:,}."
# What a field wants, by the last part of its place in `Policy`.
WISHES = {
    "files_at_once": f"A whole number from 1 to {MOST_FILES}.",
    "connections": f"A whole number from 1 to {MOST_CONNECTIONS}.",
    "limit": SPEED,
    "polite_limit": SPEED,
    "start": "A time such as 23:00.",
    "end": "A time such as 07:00.",
    "schedule": f"No more than {MOST_WINDOWS} rows.",
}
SAME = "These hours end when they begin. For the whole day, set the limit above."

Typed = Annotated[str, Field(max_length=40)]


class RateLimitForm(BaseModel):
    """Everything is text until it becomes a `Policy`, so that a mistake can be shown as it was typed."""

    files_at_once: Typed = ""
    connections: Typed = ""
    limit: Typed = ""
    polite: bool = False
    polite_limit: Typed = ""
    start: list[Typed] = Field(default_factory=list, max_length=100)
    end: list[Typed] = Field(default_factory=list, max_length=100)
    window_limit: list[Typed] = Field(default_factory=list, max_length=100)

    @classmethod
    def of(cls, policy: Policy) -> Self:
        return cls(
            files_at_once=str(policy.files_at_once),
            connections=str(policy.connections),
            limit=_megabytes(policy.limit),
            polite=policy.polite,
            polite_limit=_megabytes(policy.polite_limit),
            start=[f"{window.start:%H:%M}" for window in policy.schedule],
            end=[f"{window.end:%H:%M}" for window in policy.schedule],
            window_limit=[_megabytes(window.limit) for window in policy.schedule],
        )

    @property
    def windows(self) -> list[tuple[str, str, str]]:
        """Start, end and limit of each row; rows that were left empty do not count."""
        rows = zip_longest(self.start, self.end, self.window_limit, fillvalue="")
        return [row for row in rows if any(row)]

    def policy(self) -> Policy:
        """Raises pydantic's ValidationError."""
        return Policy.model_validate(
            {
                "files_at_once": self.files_at_once,
                "connections": self.connections,
                "limit": _bytes(self.limit) if self.limit.strip() else None,
                "polite": self.polite,
                "polite_limit": _bytes(self.polite_limit),
                "schedule": [
                    {"start": start, "end": end, "limit": _bytes(limit)} for start, end, limit in self.windows
                ],
            }
        )


def rate_limit_view(
    policy: Policy, form: RateLimitForm | None = None, errors: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What the template shows: the policy that holds, and the form as it holds or as it was typed."""
    local = clock.now().astimezone()
    return {
        "limits": {
            "policy": policy,
            "form": form or RateLimitForm.of(policy),
            "errors": errors or {},
            "clock": local,
        }
    }


def wishes(error: ValidationError) -> dict[str, str]:
    """What each wrong field wants, by its place in `Policy`: `{"schedule.0.start": "A time such as 23:00."}`."""
    places = [item["loc"] for item in error.errors()]
    return {".".join(map(str, place)): _wish(place) for place in places}


def _wish(place: Sequence[int | str]) -> str:
    return WISHES.get(str(place[-1]), SAME)


def _bytes(megabytes: str) -> int | str:
    """`2.5` and `2,5` → 2500000. What is no number stays as it is: `Policy` refuses it."""
    try:
        return round(float(megabytes.replace(",", ".")) * MEGABYTE)
    except (ValueError, OverflowError):
        return megabytes


def _megabytes(limit: int | None) -> str:
    return "" if limit is None else f"{limit / MEGABYTE:.6f}".rstrip("0").rstrip(".")
