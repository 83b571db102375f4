"""What pages show of jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.core import clock
from backend.jobs.estimates import Estimates
from backend.jobs.filters import JobFilter
from backend.jobs.inputs import SEEDS, node_titles
from backend.jobs.models import Job, JobState, Output
from backend.jobs.service import Jobs

# Values in the line that sums up a job.
SUMMED_UP = 3
LONGEST_TEXT = 140
# Waiting, blocked and running jobs that one page lists.
MOST_OTHERS = 100


@dataclass(frozen=True, kw_only=True)
class JobRow:
    """A job in a list."""

    job: Job
    outputs: tuple[Output, ...] = ()
    # Seconds that it will probably take, and seconds until it probably starts.
    expected: float | None = None
    starts_in: float | None = None

    @property
    def summary(self) -> str:
        return summary_of(self.job.values)

    @property
    def cover(self) -> int | None:
        """Return the number of the output that stands for all: the first picture, else the first video."""
        kinds = [output.kind for output in self.outputs]
        return next((kinds.index(kind) for kind in ("image", "video") if kind in kinds), None)

    @property
    def seconds(self) -> float | None:
        """Return how long it has run, retries included."""
        if self.job.started_at is None:
            return None
        return ((self.job.finished_at or clock.now()) - self.job.started_at).total_seconds()


@dataclass(frozen=True, kw_only=True)
class RunningRow(JobRow):
    """A running job, and what its nodes are called."""

    titles: Mapping[str, str] = field(default_factory=dict)


async def running_rows(jobs: Jobs, estimates: Estimates) -> list[RunningRow]:
    return [
        RunningRow(job=job, expected=await estimates.seconds(job), titles=await titles_of(jobs, job))
        for job in await jobs.in_state(JobState.RUNNING, MOST_OTHERS)
    ]


async def titles_of(jobs: Jobs, job: Job) -> dict[str, str]:
    return node_titles((await jobs.prompt(job)).prompt)


async def queue_rows(jobs: Jobs, estimates: Estimates, running: Sequence[JobRow], limit: int) -> list[JobRow]:
    """Return the jobs that run next, each with the time at which it will start if nothing changes."""
    rows = []
    ahead: float | None = _seconds_left(running)
    for job in await jobs.queued(limit):
        expected = await estimates.seconds(job)
        rows.append(JobRow(job=job, expected=expected, starts_in=ahead))
        ahead = None if ahead is None or expected is None else ahead + expected
    return rows


def _seconds_left(running: Sequence[JobRow]) -> float | None:
    """Return the time until ComfyUI is free; None where it is unknown."""
    if not all(row.expected for row in running):
        return None
    return sum(max(0.0, (row.expected or 0) - (row.seconds or 0)) for row in running)


async def ended_rows(
    jobs: Jobs, wanted: JobFilter, limit: int, before: tuple[str, str] | None
) -> list[JobRow]:
    return await with_outputs(jobs, await jobs.ended(wanted, limit, before))


async def with_outputs(jobs: Jobs, found: Sequence[Job]) -> list[JobRow]:
    outputs = await jobs.outputs_of(found)
    return [JobRow(job=job, outputs=outputs.get(job.id, ())) for job in found]


def summary_of(values: Mapping[str, Any]) -> str:
    """Return the values of a job in one line: texts, then numbers, each with its input's name; seeds last."""
    texts = [str(value) for value in values.values() if isinstance(value, str) and value.strip()]
    numbers = sorted(
        (
            (name.rpartition(".")[2], value)
            for name, value in values.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        ),
        key=lambda item: item[0] in SEEDS,
    )
    parts = [*(text[:LONGEST_TEXT] for text in texts), *(f"{name} {value}" for name, value in numbers)]
    return " · ".join(parts[:SUMMED_UP])
