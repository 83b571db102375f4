"""The rate limit and its schedule as a form: the typed text, in MB/s, and the error message of each field."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, ValidationError

from backend.core import clock
from backend.downloads.policy import (
    MAX_CONNECTIONS,
    MAX_FILES,
    MAX_RATE,
    MAX_WINDOWS,
    MEGABYTE,
    MIN_RATE,
    Policy,
)

SPEED = f"A number of MB/s from {MIN_RATE / MEGABYTE:g} to {MAX_RATE // MEGABYTE:,}."
# What a field accepts, by the last part of its path in `Policy`.
HINTS = {
    "files_at_once": f"A whole number from 1 to {MAX_FILES}.",
    "connections": f"A whole number from 1 to {MAX_CONNECTIONS}.",
    "limit": SPEED,
    "polite_limit": SPEED,
    "start": "A time such as 23:00.",
    "end": "A time such as 07:00.",
    "schedule": f"No more than {MAX_WINDOWS} rows.",
}
SAME_TIME = "These hours end when they begin. For the whole day, set the limit above."

Typed = Annotated[str, Field(max_length=40)]


class RateLimitForm(BaseModel):
    """All fields are text, so that a mistake can be shown as it was typed."""

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
        """Start, end and limit of each row. Empty rows are ignored."""
        rows = zip_longest(self.start, self.end, self.window_limit, fillvalue="")
        return [row for row in rows if any(row)]

    def policy(self) -> Policy:
        """Return the policy. Raise pydantic's ValidationError."""
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
    """Return what the template shows: the policy in force, and the form with its values or as it was typed."""
    local = clock.now().astimezone()
    return {
        "limits": {
            "policy": policy,
            "form": form or RateLimitForm.of(policy),
            "errors": errors or {},
            "clock": local,
        }
    }


def hints(error: ValidationError) -> dict[str, str]:
    """Return what each wrong field accepts, by its path in `Policy`: `{"schedule.0.start": "A time such as 23:00."}`."""
    paths = [item["loc"] for item in error.errors()]
    return {".".join(map(str, path)): _hint(path) for path in paths}


def _hint(path: Sequence[int | str]) -> str:
    return HINTS.get(str(path[-1]), SAME_TIME)


def _bytes(megabytes: str) -> int | str:
    """Return 2500000 for `2.5` and `2,5`. Other text stays as it is: `Policy` refuses it."""
    try:
        return round(float(megabytes.replace(",", ".")) * MEGABYTE)
    except (ValueError, OverflowError):
        return megabytes


def _megabytes(limit: int | None) -> str:
    return "" if limit is None else f"{limit / MEGABYTE:.6f}".rstrip("0").rstrip(".")
