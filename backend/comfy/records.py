"""Reads prompts out of the queue, the history and the jobs API."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backend.comfy.outcomes import ExecutionError, PromptRecord, PromptState
from backend.comfy.outputs import read_outputs
from backend.comfy.redaction import redact_inputs, redact_text
from backend.comfy.wire import as_number, as_text, moment

MOST_TRACEBACK_LINES = 100
JOB_STATES = {
    "pending": PromptState.PENDING,
    "in_progress": PromptState.RUNNING,
    "completed": PromptState.SUCCEEDED,
    "failed": PromptState.FAILED,
    "cancelled": PromptState.CANCELLED,
}


@dataclass(frozen=True, kw_only=True)
class QueuedPrompt:
    """A prompt in ComfyUI's queue, with all that is needed to submit it once more."""

    prompt_id: str
    state: PromptState
    number: float
    # The prompt in API format, by node id. Values are as they were submitted, secrets included.
    graph: dict[str, Any]
    # Who submitted it, and hears its events.
    client_id: str | None
    created_at: datetime | None
    extra_data: dict[str, Any]
    # The outputs that it runs for.
    outputs: tuple[str, ...]

    @property
    def workflow(self) -> dict[str, Any] | None:
        """The workflow as the editor draws it, where the editor submitted it."""
        info = self.extra_data.get("extra_pnginfo")
        workflow = info.get("workflow") if isinstance(info, dict) else None
        return workflow if isinstance(workflow, dict) else None


def read_queued(item: Any, state: PromptState) -> QueuedPrompt | None:
    """Read `[number, id, graph, extra_data, outputs]`; None if it is something else."""
    if not isinstance(item, list) or len(item) < 5:
        return None
    _, prompt_id, graph, extra, outputs = item[:5]
    number = as_number(item[0])
    if number is None or not isinstance(prompt_id, str):
        return None
    if not isinstance(graph, dict) or not isinstance(extra, dict):
        return None
    return QueuedPrompt(
        prompt_id=prompt_id,
        state=state,
        number=number,
        graph={str(node_id): _without_cache_mark(node) for node_id, node in graph.items()},
        client_id=as_text(extra.get("client_id")) or None,
        created_at=moment(extra.get("create_time")),
        extra_data=extra,
        outputs=tuple(as_text(output) for output in outputs) if isinstance(outputs, list) else (),
    )


def _without_cache_mark(node: Any) -> Any:
    """ComfyUI notes in a node whether it has changed. That may be NaN, and is no part of the prompt."""
    return (
        {key: value for key, value in node.items() if key != "is_changed"} if isinstance(node, dict) else node
    )


def record_of_queued(queued: QueuedPrompt) -> PromptRecord:
    workflow = queued.workflow or {}
    return PromptRecord(
        prompt_id=queued.prompt_id,
        state=queued.state,
        number=queued.number,
        created_at=queued.created_at,
        workflow_id=as_text(workflow.get("id")) or None,
    )


def read_job(job: dict[str, Any]) -> PromptRecord | None:
    """Read an entry of `/api/jobs`; None if it is something else."""
    prompt_id, state = job.get("id"), JOB_STATES.get(as_text(job.get("status")))
    if not isinstance(prompt_id, str) or state is None:
        return None
    messages = _messages(job.get("execution_status"))
    if "execution_error" in job:
        messages.setdefault("execution_error", job["execution_error"])
    return PromptRecord(
        prompt_id=prompt_id,
        state=_judge(state, messages),
        number=as_number(job.get("priority")),
        created_at=moment(job.get("create_time")),
        started_at=moment(job.get("execution_start_time")),
        ended_at=moment(job.get("execution_end_time")),
        outputs=read_outputs(job.get("outputs")),
        cached_nodes=_cached_nodes(messages),
        error=_error(messages),
        workflow_id=as_text(job.get("workflow_id")) or None,
    )


def read_history(prompt_id: str, entry: Any) -> PromptRecord | None:
    """Read an entry of `/history`; None if it is something else."""
    if not isinstance(entry, dict):
        return None
    status = entry.get("status")
    said = status.get("status_str") if isinstance(status, dict) else None
    messages = _messages(status)
    state = PromptState.FAILED if said == "error" else PromptState.SUCCEEDED
    endings = ("execution_success", "execution_error", "execution_interrupted")
    queued = read_queued(entry.get("prompt"), state)
    submitted = record_of_queued(queued) if queued else None
    return PromptRecord(
        prompt_id=prompt_id,
        state=_judge(state, messages),
        number=submitted.number if submitted else None,
        created_at=submitted.created_at if submitted else None,
        started_at=_time_of(messages, "execution_start"),
        ended_at=next((time for name in endings if (time := _time_of(messages, name))), None),
        outputs=read_outputs(entry.get("outputs")),
        cached_nodes=_cached_nodes(messages),
        error=_error(messages),
        workflow_id=submitted.workflow_id if submitted else None,
    )


def read_execution_error(data: Any) -> ExecutionError | None:
    if not isinstance(data, dict):
        return None
    inputs = data.get("current_inputs")
    shown, secrets = redact_inputs(inputs) if isinstance(inputs, dict) else ({}, [])
    lines, executed = data.get("traceback"), data.get("executed")
    lines = lines[-MOST_TRACEBACK_LINES:] if isinstance(lines, list) else []
    return ExecutionError(
        node_id=as_text(data.get("node_id")),
        node_type=as_text(data.get("node_type")),
        exception_type=as_text(data.get("exception_type")),
        message=redact_text(as_text(data.get("exception_message")).strip(), secrets),
        traceback=tuple(redact_text(str(line), secrets) for line in lines),
        inputs=shown,
        executed=tuple(as_text(node_id) for node_id in executed) if isinstance(executed, list) else (),
    )


def _messages(status: Any) -> dict[str, Any]:
    """Return the messages that ComfyUI kept of the run, by event; of several alike, the last."""
    messages = status.get("messages") if isinstance(status, dict) else None
    if not isinstance(messages, list):
        return {}
    pairs = [entry for entry in messages if isinstance(entry, list) and len(entry) == 2]
    return {event: data for event, data in pairs if isinstance(event, str)}


def _judge(state: PromptState, messages: dict[str, Any]) -> PromptState:
    """Correct what the status says: an error between two nodes is recorded as a success."""
    if not state.is_final:
        return state
    if "execution_interrupted" in messages:
        return PromptState.CANCELLED
    return PromptState.FAILED if messages.get("execution_error") else state


def _error(messages: dict[str, Any]) -> ExecutionError | None:
    return read_execution_error(messages.get("execution_error"))


def _cached_nodes(messages: dict[str, Any]) -> frozenset[str]:
    told = messages.get("execution_cached")
    nodes = told.get("nodes") if isinstance(told, dict) else None
    return frozenset(as_text(node) for node in nodes) if isinstance(nodes, list) else frozenset()


def _time_of(messages: dict[str, Any], event: str) -> datetime | None:
    data = messages.get(event)
    return moment(data.get("timestamp")) if isinstance(data, dict) else None
