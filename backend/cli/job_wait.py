"""Wait for jobs, show them meanwhile, and fetch what they make."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from backend.cli.errors import CommandError, Incomplete, Interrupted
from backend.cli.files import save
from backend.cli.job_display import JobLines, LiveView, problem_of
from backend.cli.job_tracker import JobTracker
from backend.cli.output import say
from backend.cli.screen import Screen

if TYPE_CHECKING:
    from backend.cli.control_plane import ControlPlane
    from backend.client.models import Job

SUCCEEDED = "succeeded"
# Reading a large batch again takes a moment; it is done at most this often.
REREAD_SECONDS = 1.0
# So many jobs are read one by one, more of them by their batch.
ONE_BY_ONE = 20
# How many jobs that did not succeed are named at the end.
NAMED = 20


def wait_for(
    plane: "ControlPlane", jobs: "Sequence[Job]", shown_on: Screen[JobTracker], out: Path | None = None
) -> "list[Job]":
    """Return the jobs once all are over. With `out`, their outputs are in that folder then."""
    tracker, outputs = JobTracker(jobs), Outputs(plane, out)
    with _interruptible(plane, jobs), shown_on:
        for reread in _updates(plane, tracker):
            if reread:
                tracker.replace(_read_again(plane, tracker))
            outputs.fetch(tracker.jobs)
            shown_on.show(tracker)
            if tracker.is_over:
                break
    return tracker.jobs


def screen(*, as_json: bool) -> Screen[JobTracker]:
    if as_json:
        return Screen()
    return LiveView() if sys.stdout.isatty() else JobLines()


def require_success(jobs: "Sequence[Job]") -> None:
    """Raise Incomplete, with a sentence for each job that did not succeed."""
    others = [job for job in jobs if job.state != SUCCEEDED]
    if not others:
        return
    lines = [f"{problem_of(job)}\nTo see more: comfypod jobs logs {job.id}" for job in others[:NAMED]]
    if len(others) > NAMED:
        lines.append(f"{len(others) - NAMED} more did not succeed.")
    raise Incomplete("\n".join(lines))


class Outputs:
    """Fetches the outputs of each job once. Nothing that is in the folder already is overwritten."""

    def __init__(self, plane: "ControlPlane", folder: Path | None):
        self._plane = plane
        self._folder = folder
        self._fetched: set[str] = set()

    def fetch(self, jobs: "Sequence[Job]") -> None:
        if self._folder is None:
            return
        for job in jobs:
            if job.state == SUCCEEDED and job.id not in self._fetched:
                self._fetched.add(job.id)
                self._fetch(job, self._folder)

    def _fetch(self, job: "Job", folder: Path) -> None:
        outputs = self._plane.run(self._plane.jobs.get(job.id)).outputs
        for number, output in enumerate(outputs):
            try:
                content = self._plane.jobs.output(job.id, number)
                save(self._plane, folder, PurePosixPath(output.path).name, content)
            except OSError as error:
                raise CommandError(
                    f"{error.filename or folder} cannot be written: {error.strerror}. The jobs continue, and the pod keeps "
                    f"their outputs. To fetch them later: comfypod jobs watch {job.batch_id or job.id} --out DIR"
                ) from None


def _updates(plane: "ControlPlane", tracker: JobTracker) -> Iterator[bool]:
    """Yield whether the jobs have to be read again; what the updates say is in the tracker then."""
    wanted, last = False, 0.0
    for update in plane.job_updates():
        tracker.apply(update)
        wanted |= update.reread
        now = time.monotonic()
        due = wanted and now - last > REREAD_SECONDS
        if due:
            wanted, last = False, now
        yield due


def _read_again(plane: "ControlPlane", tracker: JobTracker) -> "list[Job]":
    open_ids = set(tracker.open_ids)
    if len(open_ids) <= ONE_BY_ONE:
        return [plane.run(plane.jobs.get(job_id)) for job_id in open_ids]
    batches = {job.batch_id for job in tracker.jobs if job.id in open_ids}
    found = [job for batch in batches if batch for job in plane.run(plane.jobs.of_batch(batch))]
    known = {job.id for job in found}
    return found + [plane.run(plane.jobs.get(job_id)) for job_id in open_ids - known]


@contextlib.contextmanager
def _interruptible(plane: "ControlPlane", jobs: "Sequence[Job]") -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        names = " ".join(dict.fromkeys(job.batch_id or job.id for job in jobs[:10]))
        if plane.embedded:
            raise Interrupted(
                f"Stopped. The jobs stay in the queue and run when a control plane runs. To continue: comfypod jobs watch {names}"
            ) from None
        raise Interrupted(
            f"The jobs continue. To look again: comfypod jobs watch {names}. To stop them: comfypod jobs cancel {names}"
        ) from None


def report_embedded(plane: "ControlPlane") -> None:
    """Say who runs the jobs where the command has to end."""
    if plane.embedded:
        say("No control plane runs here. The jobs are in the queue on the volume, and run when one does.")
