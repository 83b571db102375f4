"""What ComfyUI tells over its socket while prompts run, as typed events.

These are hints: an event can be missed and is never sent again. How a prompt stands is decided by polling.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic_core import from_json

from backend.comfy.outcomes import ExecutionError, Output
from backend.comfy.outputs import read_node_outputs
from backend.comfy.previews import Preview, ProgressText
from backend.comfy.records import read_execution_error
from backend.comfy.server_info import LogEntry, read_log
from backend.comfy.wire import as_number, as_text

# Reported like an error, but the prompt goes on.
BLOCKED = "ExecutionBlocked"


@dataclass(frozen=True, kw_only=True)
class Connected:
    """The socket is open. Events of the time before are lost."""


@dataclass(frozen=True, kw_only=True)
class Disconnected:
    """The socket has closed. It opens again by itself."""


@dataclass(frozen=True, kw_only=True)
class QueueChanged:
    remaining: int


@dataclass(frozen=True, kw_only=True)
class LogWritten:
    entries: tuple[LogEntry, ...]


@dataclass(frozen=True, kw_only=True)
class ExecutionStarted:
    prompt_id: str


@dataclass(frozen=True, kw_only=True)
class NodesCached:
    """These nodes are not executed again. Sent for every prompt, also with no nodes."""

    prompt_id: str
    node_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NodeStarted:
    prompt_id: str
    node_id: str
    # The node in the workflow: another one where a node expands into several.
    display_node_id: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a node is, in its own steps."""

    prompt_id: str
    node_id: str
    value: float
    maximum: float


@dataclass(frozen=True, kw_only=True)
class NodeProgress:
    node_id: str
    display_node_id: str
    # `running`, `finished` or `error`.
    state: str
    value: float
    maximum: float


@dataclass(frozen=True, kw_only=True)
class ProgressSnapshot:
    """Every node that has begun."""

    prompt_id: str
    nodes: tuple[NodeProgress, ...]


@dataclass(frozen=True, kw_only=True)
class NodeExecuted:
    """A node has ended, or was cached. Sent for nodes that show something."""

    prompt_id: str
    node_id: str
    outputs: tuple[Output, ...]


@dataclass(frozen=True, kw_only=True)
class NodeBlocked:
    """A node does not run, because one before it says so. The prompt goes on."""

    prompt_id: str
    node_id: str
    message: str


@dataclass(frozen=True, kw_only=True)
class ExecutionSucceeded:
    prompt_id: str


@dataclass(frozen=True, kw_only=True)
class ExecutionFailed:
    prompt_id: str
    error: ExecutionError


@dataclass(frozen=True, kw_only=True)
class ExecutionInterrupted:
    prompt_id: str
    node_id: str


@dataclass(frozen=True, kw_only=True)
class ExecutionEnded:
    """The prompt is in the history, however it ended."""

    prompt_id: str


PromptEvent: TypeAlias = (
    ExecutionStarted
    | NodesCached
    | NodeStarted
    | Progress
    | ProgressSnapshot
    | Preview
    | ProgressText
    | NodeExecuted
    | NodeBlocked
    | ExecutionSucceeded
    | ExecutionFailed
    | ExecutionInterrupted
    | ExecutionEnded
)
Event: TypeAlias = Connected | Disconnected | QueueChanged | LogWritten | PromptEvent


def read_text(frame: str) -> Event | None:
    """Read a frame; None for one of an unknown form, or that tells nothing of use here."""
    try:
        message = from_json(frame)
    except ValueError:
        return None
    data = message.get("data") if isinstance(message, dict) else None
    if not isinstance(data, dict):
        return None
    reader = READERS.get(as_text(message.get("type")))
    return reader(as_text(data.get("prompt_id")), data) if reader else None


def _queue_changed(_: str, data: dict[str, Any]) -> QueueChanged | None:
    status = data.get("status")
    info = status.get("exec_info") if isinstance(status, dict) else None
    remaining = as_number(info.get("queue_remaining")) if isinstance(info, dict) else None
    return None if remaining is None else QueueChanged(remaining=int(remaining))


def _log_written(_: str, data: dict[str, Any]) -> LogWritten | None:
    entries = data.get("entries")
    return LogWritten(entries=tuple(read_log(entries))) if isinstance(entries, list) else None


def _started(prompt_id: str, _: dict[str, Any]) -> ExecutionStarted:
    return ExecutionStarted(prompt_id=prompt_id)


def _cached(prompt_id: str, data: dict[str, Any]) -> NodesCached:
    return NodesCached(prompt_id=prompt_id, node_ids=_texts(data.get("nodes")))


def _executing(prompt_id: str, data: dict[str, Any]) -> NodeStarted | ExecutionEnded:
    node_id = as_text(data.get("node"))
    if not node_id:
        return ExecutionEnded(prompt_id=prompt_id)
    shown = as_text(data.get("display_node")) or node_id
    return NodeStarted(prompt_id=prompt_id, node_id=node_id, display_node_id=shown)


def _executed(prompt_id: str, data: dict[str, Any]) -> NodeExecuted | None:
    node_id = as_text(data.get("node"))
    if not node_id:
        return None
    outputs = tuple(read_node_outputs(node_id, data.get("output")))
    return NodeExecuted(prompt_id=prompt_id, node_id=node_id, outputs=outputs)


def _succeeded(prompt_id: str, _: dict[str, Any]) -> ExecutionSucceeded:
    return ExecutionSucceeded(prompt_id=prompt_id)


def _interrupted(prompt_id: str, data: dict[str, Any]) -> ExecutionInterrupted:
    return ExecutionInterrupted(prompt_id=prompt_id, node_id=as_text(data.get("node_id")))


def _progress(prompt_id: str, data: dict[str, Any]) -> Progress | None:
    value, maximum = as_number(data.get("value")), as_number(data.get("max"))
    if value is None or maximum is None:
        return None
    node_id = as_text(data.get("node"))
    return Progress(prompt_id=prompt_id, node_id=node_id, value=value, maximum=maximum)


def _snapshot(prompt_id: str, data: dict[str, Any]) -> ProgressSnapshot:
    return ProgressSnapshot(prompt_id=prompt_id, nodes=_nodes_progress(data.get("nodes")))


def _nodes_progress(nodes: Any) -> tuple[NodeProgress, ...]:
    if not isinstance(nodes, dict):
        return ()
    return tuple(
        NodeProgress(
            node_id=str(node_id),
            display_node_id=as_text(node.get("display_node_id")) or str(node_id),
            state=as_text(node.get("state")),
            value=as_number(node.get("value")) or 0.0,
            maximum=as_number(node.get("max")) or 0.0,
        )
        for node_id, node in nodes.items()
        if isinstance(node, dict)
    )


def _failed(prompt_id: str, data: dict[str, Any]) -> ExecutionFailed | NodeBlocked | None:
    error = read_execution_error(data)
    if error is None:
        return None
    if error.exception_type == BLOCKED:
        return NodeBlocked(prompt_id=prompt_id, node_id=error.node_id, message=error.message)
    return ExecutionFailed(prompt_id=prompt_id, error=error)


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(as_text(value) for value in values) if isinstance(values, list) else ()


READERS: dict[str, Callable[[str, dict[str, Any]], Event | None]] = {
    "status": _queue_changed,
    "logs": _log_written,
    "execution_start": _started,
    "execution_cached": _cached,
    "executing": _executing,
    "progress": _progress,
    "progress_state": _snapshot,
    "executed": _executed,
    "execution_success": _succeeded,
    "execution_error": _failed,
    "execution_interrupted": _interrupted,
}
