"""The state of the jobs that a command watches."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.client.jobs import JobUpdate
    from backend.client.models import Job, JobProgress

RUNNING = "running"


class JobTracker:
    """Keeps the newest state of each job."""

    def __init__(self, jobs: "Iterable[Job]"):
        self._jobs = {job.id: job for job in jobs}
        self._progress: dict[str, JobProgress] = {}

    @property
    def jobs(self) -> "list[Job]":
        return list(self._jobs.values())

    @property
    def ids(self) -> set[str]:
        return set(self._jobs)

    @property
    def open_ids(self) -> list[str]:
        """The jobs that are not over."""
        return [job.id for job in self.jobs if not job.is_over]

    @property
    def is_over(self) -> bool:
        return all(job.is_over for job in self._jobs.values())

    @property
    def running(self) -> "list[tuple[Job, JobProgress | None]]":
        return [(job, self._progress.get(job.id)) for job in self.jobs if job.state == RUNNING]

    @property
    def counts(self) -> Counter[str]:
        return Counter(job.state for job in self._jobs.values())

    def apply(self, update: "JobUpdate") -> None:
        if update.job:
            self.replace([update.job])
        if update.progress and update.progress.job_id in self._jobs:
            self._progress[update.progress.job_id] = update.progress

    def replace(self, jobs: "Iterable[Job]") -> None:
        """Take in what was read again. Other jobs are not watched."""
        for job in jobs:
            if job.id in self._jobs:
                self._jobs[job.id] = job
