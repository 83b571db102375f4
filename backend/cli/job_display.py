"""Show watched jobs: a live view on a terminal, lines in a pipe, nothing for programs."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from backend.cli.job_tracker import JobTracker
from backend.cli.screen import LiveScreen, Screen
from backend.core.formatting import format_duration, printable

if TYPE_CHECKING:
    from backend.client.models import Job, JobProgress

STYLES = {
    "succeeded": "green",
    "running": "cyan",
    "waiting": "yellow",
    "failed": "red",
    "blocked": "red",
    "expired": "red",
}
ORDER = ("succeeded", "running", "queued", "waiting", "failed", "blocked", "expired", "cancelled")
BAR_WIDTH = 20
# How many jobs that did not succeed the live view names.
SHOWN_PROBLEMS = 5


class LiveView(LiveScreen[JobTracker]):
    """A bar for all jobs and one for each that runs, drawn again at the same place."""

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()
        self._over_at_start: int | None = None

    def show(self, tracker: JobTracker) -> None:
        self._live.update(Group(*self._lines(tracker)), refresh=True)

    def _lines(self, tracker: JobTracker) -> Iterator[RenderableType]:
        name = Column(ratio=1, no_wrap=True, overflow="ellipsis", min_width=10)
        table = Table.grid(name, Column(width=BAR_WIDTH), Column(no_wrap=True), padding=(0, 1), expand=True)
        for job, progress in tracker.running:
            table.add_row(Text(printable(job.name)), *_steps(progress))
        done = len(tracker.ids) - len(tracker.open_ids)
        bar = ProgressBar(total=len(tracker.ids), completed=done, width=BAR_WIDTH)
        table.add_row(
            Text(f"{done} of {len(tracker.ids)} jobs", "bold"), bar, Text(self._remark(tracker, done))
        )
        yield table
        yield from _problems(tracker)

    def _remark(self, tracker: JobTracker, done: int) -> str:
        if self._over_at_start is None:
            self._over_at_start = done
        counts = ", ".join(f"{tracker.counts[state]} {state}" for state in ORDER if tracker.counts[state])
        ended, left = done - self._over_at_start, len(tracker.open_ids)
        if not ended or not left:
            return counts
        seconds = (time.monotonic() - self._started) / ended * left
        return f"{counts}, {format_duration(seconds)} left"


class JobLines(Screen[JobTracker]):
    """A line for each change of state."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}

    def show(self, tracker: JobTracker) -> None:
        for job in tracker.jobs:
            if self._shown.get(job.id) != job.state:
                self._shown[job.id] = job.state
                typer.echo(f"{job.id}\t{printable(job.name)}\t{job.state}")


def _steps(progress: "JobProgress | None") -> tuple[RenderableType, Text]:
    if progress is None or not progress.maximum:
        return ProgressBar(total=1, completed=0, width=BAR_WIDTH, pulse=True), Text("running", "cyan")
    bar = ProgressBar(total=progress.maximum, completed=progress.value, width=BAR_WIDTH)
    node = f", node {progress.running[0]}" if progress.running else ""
    return bar, Text(printable(f"step {progress.value:g} of {progress.maximum:g}{node}"), "cyan")


def _problems(tracker: JobTracker) -> Iterator[Text]:
    failed = [job for job in tracker.jobs if job.error and job.is_over]
    for job in failed[:SHOWN_PROBLEMS]:
        yield Text(problem_of(job), STYLES.get(job.state, "dim"))
    if len(failed) > SHOWN_PROBLEMS:
        yield Text(f"and {len(failed) - SHOWN_PROBLEMS} more", "dim")


def problem_of(job: "Job") -> str:
    """Return why a job did not succeed, in one line."""
    reason = f": {job.error.message}" if job.error else ""
    return printable(f"{job.name} is {job.state}{reason}")
