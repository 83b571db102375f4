"""Reads the text frames of the socket. The binary ones are read by `previews`."""

from collections.abc import Callable
from typing import Any

from pydantic_core import from_json

from backend.comfy.events import (
    Event,
    ExecutionEnded,
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    LogWritten,
    NodeBlocked,
    NodeExecuted,
    NodeProgress,
    NodesCached,
    NodeStarted,
    Progress,
    ProgressSnapshot,
    QueueChanged,
)
from backend.comfy.outputs import read_node_outputs
from backend.comfy.records import read_execution_error
from backend.comfy.server_info import read_log
from backend.comfy.wire import as_number, as_text

# Reported like an error, but the prompt goes on.
BLOCKED = "ExecutionBlocked"


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
