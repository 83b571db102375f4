"""What ComfyUI tells over its socket while prompts run, as typed events.

These are hints: an event can be missed and is never sent again. How a prompt stands is decided by polling.
"""

from dataclasses import dataclass
from typing import TypeAlias

from backend.comfy.outcomes import ExecutionError, Output
from backend.comfy.previews import Preview, ProgressText
from backend.comfy.server_info import LogEntry


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
