"""What may happen to a job in which state, and what becomes of it: the only place that decides it."""

from enum import StrEnum

from backend.core.errors import Conflict
from backend.jobs.models import ErrorKind, JobState


class Event(StrEnum):
    """What happens to a job."""

    # Its start time has come, its dependencies succeeded and its models are there.
    READY = "ready"
    # It has to wait for one of these.
    HELD = "held"
    # A worker claims it and starts an attempt.
    CLAIMED = "claimed"
    # The attempt ended without a result, and the job is tried again.
    REQUEUED = "requeued"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    # A user wants it tried again.
    RETRIED = "retried"


W, Q, R = JobState.WAITING, JobState.QUEUED, JobState.RUNNING
S, F, C, B, E = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.BLOCKED, JobState.EXPIRED

TRANSITIONS: dict[Event, dict[JobState, JobState]] = {
    Event.READY: {W: Q, B: Q},
    Event.HELD: {Q: W, R: W, B: W},
    Event.CLAIMED: {Q: R},
    Event.REQUEUED: {R: Q},
    Event.SUCCEEDED: {R: S},
    Event.FAILED: {W: F, Q: F, R: F},
    Event.CANCELLED: {W: C, Q: C, R: C, B: C},
    Event.BLOCKED: {W: B, Q: B, R: B},
    Event.EXPIRED: {W: E, Q: E},
    Event.RETRIED: {F: Q, C: Q, B: Q, E: Q},
}

WHY_NOT = {
    Event.CANCELLED: "has ended already, so there is nothing to cancel",
    Event.RETRIED: "has not failed, so there is nothing to try again",
}


def after(state: JobState, event: Event) -> JobState:
    """Return the state that follows. Raise Conflict when `event` cannot happen in `state`."""
    following = TRANSITIONS[event].get(state)
    if following is None:
        reason = WHY_NOT.get(event, f"cannot be {event} now")
        raise Conflict(f"The job is {state} and {reason}.", code=f"job_{state}")
    return following


def sources_of(event: Event) -> frozenset[JobState]:
    """Return the states in which `event` can happen."""
    return frozenset(TRANSITIONS[event])


# Errors after which the prompt is not in ComfyUI any more.
LOSSES = frozenset({ErrorKind.COMFYUI_DIED, ErrorKind.CONNECTION})
