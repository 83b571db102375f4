"""Find what needs attention, each with the one action that helps."""

from collections.abc import Iterable, Iterator, Mapping

from backend.core.disk import is_low
from backend.core.formatting import format_bytes
from backend.downloads.models import State
from backend.jobs.models import JobState
from backend.overview.models import Action, Item
from backend.settings.models import TokenView
from backend.system.models import Action as ServiceAction
from backend.system.models import Problem, SystemView

DOWN = {"exited": "has exited", "fatal": "has failed", "backoff": "has crashed", "stopped": "is stopped"}
ACTIONS = {
    "nodes_failed": Action(label="See why", url="/services"),
    "comfyui_crashed": Action(label="Read the log", url="/services/comfyui"),
    "bad_variable": Action(label="Read the log", url="/services/dashboard"),
}


def system_items(system: SystemView) -> Iterator[Item]:
    workspace = system.workspace.problems if system.workspace else []
    for problem in (*system.problems, *workspace):
        yield _of_problem(problem)
    if system.accelerator.verdict != "ok":
        yield Item(
            tone="warning",
            message=system.accelerator.message,
            action=Action(label="Read the log", url="/services/comfyui"),
        )
    yield from _disk(system)
    yield from _services(system)


def provisioning_items(failed: int) -> Iterator[Item]:
    if failed:
        yield Item(
            tone="danger",
            message=f"Provisioning: {_count(failed, 'step')} failed.",
            action=Action(label="See why", url="/provisioning"),
        )


def download_items(counts: Mapping[State, int]) -> Iterator[Item]:
    failed, quarantined = counts.get(State.FAILED, 0), counts.get(State.QUARANTINED, 0)
    if failed:
        retry = Action(label="Retry", url="/downloads/retry", method="post")
        yield Item(tone="danger", message=f"{_count(failed, 'download')} failed.", action=retry)
    if quarantined:
        yield Item(
            tone="danger",
            message=f"{_count(quarantined, 'file')} in quarantine: the content is not the expected one.",
            action=Action(label="Decide", url="/downloads"),
        )


def job_items(counts: Mapping[JobState, int], *, recently_failed: int) -> Iterator[Item]:
    if recently_failed:
        yield Item(
            tone="danger",
            message=f"{_count(recently_failed, 'job')} failed in the last 24 hours.",
            action=Action(label="See why", url="/jobs?state=failed"),
        )
    if counts.get(JobState.BLOCKED):
        yield Item(
            tone="warning",
            message=f"{_count(counts[JobState.BLOCKED], 'job')} blocked: a job before it failed, or it stops ComfyUI.",
            action=Action(label="Decide", url="/jobs?state=blocked"),
        )


def token_items(tokens: Iterable[TokenView]) -> Iterator[Item]:
    for token in tokens:
        if token.rejected:
            yield Item(
                tone="danger",
                message=f"{token.name} rejects the token, so it is not sent any more.",
                action=Action(label="Replace it", url="/settings#tokens"),
            )


def _of_problem(problem: Problem) -> Item:
    return Item(
        tone="danger", message=problem.message, remedy=problem.remedy, action=ACTIONS.get(problem.code)
    )


def _disk(system: SystemView) -> Iterator[Item]:
    if is_low(system.disk):
        yield Item(
            tone="warning",
            message=f"The disk is nearly full: {format_bytes(system.disk.free)} free.",
            action=Action(label="Free space", url="/storage"),
        )


def _services(system: SystemView) -> Iterator[Item]:
    for service in system.services:
        # A crash of ComfyUI is among the problems, with its reason.
        is_explained = service.name == "comfyui" and system.comfyui.crash is not None
        if service.state in DOWN and not is_explained:
            can_start = ServiceAction.START in service.possible
            yield Item(
                tone="warning" if service.state == "stopped" else "danger",
                message=f"{service.title} {DOWN[service.state]}.",
                action=Action(label="Start", url=f"/services/{service.name}/start", method="post")
                if can_start
                else Action(label="Read the log", url=f"/services/{service.name}"),
            )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
