"""What to do about a failed attempt, by the kind of its error. Pure functions."""

from collections.abc import Callable
from dataclasses import dataclass

from backend.jobs.models import ErrorKind, Job
from backend.jobs.transitions import Event

# A job during which ComfyUI dies this many times is not tried again by itself.
MOST_CRASHES = 2
# A limit for errors that do not count as failures: a ComfyUI that loses every prompt must not be tried forever.
MOST_FREE_ATTEMPTS = 20


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of the job."""

    event: Event
    # Whether the attempt counts against the job's `retry_limit`.
    counts: bool = False
    # Ask ComfyUI to unload its models first.
    free_memory: bool = False
    # What to do, for the user; added to the error's own message.
    advice: str = ""


Rule = Callable[[Job], Decision]


def decide(job: Job, kind: ErrorKind) -> Decision:
    """Return what becomes of `job`, whose newest attempt ended with an error of this kind.

    `job.run_count` already counts this attempt; `job.failures` and `job.crashes` do not. `job.downloads` are the transfers
    that were started for a missing model.
    """
    return RULES[kind](job)


def _never(advice: str) -> Rule:
    return lambda _job: Decision(event=Event.FAILED, advice=advice)


def _within_limit(advice: str = "") -> Rule:
    def rule(job: Job) -> Decision:
        if job.failures < job.retry_limit:
            return Decision(event=Event.REQUEUED, counts=True)
        return Decision(event=Event.FAILED, counts=True, advice=advice)

    return rule


def _out_of_memory(job: Job) -> Decision:
    """Try once more with an empty GPU: models of earlier jobs may have filled it."""
    if job.failures == 0:
        return Decision(event=Event.REQUEUED, counts=True, free_memory=True)
    advice = "Use a smaller size, a smaller batch or a quantized model, or rent a GPU with more memory."
    return Decision(event=Event.FAILED, counts=True, advice=advice)


def _comfyui_died(job: Job) -> Decision:
    if job.crashes + 1 < MOST_CRASHES:
        return _connection_lost(job)
    advice = (
        f"ComfyUI has died {MOST_CRASHES} times while it ran this job. Look at its log before you retry it."
    )
    return Decision(event=Event.BLOCKED, advice=advice)


def _missing_model(job: Job) -> Decision:
    """Wait for the downloads that were started. Without any, no source is known."""
    if job.downloads and job.run_count < MOST_FREE_ATTEMPTS:
        return Decision(event=Event.HELD)
    return Decision(event=Event.FAILED, advice="Install the model, then retry the job.")


def _connection_lost(job: Job) -> Decision:
    if job.run_count < MOST_FREE_ATTEMPTS:
        return Decision(event=Event.REQUEUED)
    return Decision(event=Event.FAILED, advice="ComfyUI loses every prompt. Look at its log.")


RULES: dict[ErrorKind, Rule] = {
    ErrorKind.INVALID: _never("Correct the workflow; the same one will be refused again."),
    ErrorKind.MISSING_MODEL: _missing_model,
    ErrorKind.OUT_OF_MEMORY: _out_of_memory,
    ErrorKind.NODE: _within_limit(),
    ErrorKind.STORAGE: _within_limit("Free some disk space, then retry the job."),
    ErrorKind.COMFYUI_DIED: _comfyui_died,
    ErrorKind.CONNECTION: _connection_lost,
}
