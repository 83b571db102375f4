"""What an attempt means for its job. Pure functions."""

from backend.core import clock
from backend.jobs.models import Attempt, AttemptState, Job
from backend.jobs.transitions import Event, after


def begun(job: Job, attempt: Attempt) -> tuple[Job, Attempt]:
    """Return both as they are when ComfyUI begins to run the prompt."""
    now = clock.now()
    job = job.changed(
        state=after(job.state, Event.CLAIMED),
        run_count=job.run_count + 1,
        started_at=job.started_at or now,
        error=None,
    )
    return job, attempt.changed(started_at=now)


def withdrawn(job: Job, attempt: Attempt) -> tuple[Job, Attempt]:
    """Return both as they are when ComfyUI does not have the prompt and has not begun it."""
    if is_current(attempt, job):
        job = job.changed(attempt_id=None)
    return job, attempt.changed(state=AttemptState.WITHDRAWN, finished_at=clock.now())


def is_current(attempt: Attempt, job: Job) -> bool:
    """Return whether `attempt` may run. It must not once its job was changed, cancelled or has expired."""
    return job.attempt_id == attempt.id
