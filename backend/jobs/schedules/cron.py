"""When a cron expression comes next. Pure functions."""

import itertools
from datetime import UTC, datetime
from typing import Annotated

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field

from backend.jobs.queue_settings import zone_of

FIELDS = 5


def _valid(expression: str) -> str:
    expression = " ".join(expression.split())
    if len(expression.split()) != FIELDS:
        raise ValueError("write five fields: minute, hour, day, month, weekday, such as `0 3 * * *`")
    try:
        next_time(expression, "UTC", datetime.now(UTC))
    except CronSimError as error:
        raise ValueError(f"{str(error).lower()} in the cron expression") from None
    except StopIteration:
        raise ValueError("this time never comes") from None
    return expression


Cron = Annotated[
    str,
    Field(max_length=100, description="Minute, hour, day, month, weekday, such as `0 3 * * *`."),
    AfterValidator(_valid),
]


def next_time(expression: str, time_zone: str, after: datetime) -> datetime:
    """Return the first time after `after`, in UTC. An hour that a change of clocks skips or repeats counts once."""
    return next(CronSim(expression, after.astimezone(zone_of(time_zone)))).astimezone(UTC)


def next_times(expression: str, time_zone: str, after: datetime, count: int) -> list[datetime]:
    """Return the first times after `after`, in UTC."""
    moments = CronSim(expression, after.astimezone(zone_of(time_zone)))
    return [moment.astimezone(UTC) for moment in itertools.islice(moments, count)]


def in_words(expression: str) -> str:
    """`0 3 * * *` → `At 03:00 every day`."""
    return CronSim(expression, datetime.now(UTC)).explain()
