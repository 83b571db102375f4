"""What attempts and their ends mean for a job. Pure functions."""

from dataclasses import replace
from typing import Any

from backend.core import clock
from backend.jobs.models import Attempt, AttemptState, ErrorKind, Job, JobError
from backend.jobs.retry import Decision
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


def ended(job: Job, event: Event) -> Job:
    """Return the job as it is after its end."""
    return job.changed(state=after(job.state, event), attempt_id=None, finished_at=clock.now())


def after_failure(job: Job, decision: Decision, error: JobError) -> Job:
    """Return the job as it is after an attempt with an error."""
    changes: dict[str, Any] = {
        "state": after(job.state, decision.event),
        "attempt_id": None,
        "error": error,
    }
    if decision.advice:
        changes["error"] = replace(error, message=f"{error.message} {decision.advice}")
    if decision.counts:
        changes["failures"] = job.failures + 1
    if error.kind == ErrorKind.COMFYUI_DIED:
        changes["crashes"] = job.crashes + 1
    if changes["state"].is_final:
        changes["finished_at"] = clock.now()
    return job.changed(**changes)
