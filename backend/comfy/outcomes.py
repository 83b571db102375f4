"""How a prompt stands, and how it ends."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, TypeAlias

OUT_OF_MEMORY = ("out of memory", "allocation on device", "can't allocate memory")


class PromptState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in (PromptState.PENDING, PromptState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class FileReference:
    """Where ComfyUI keeps a file. `download` takes one, as it stands; it is no path on this machine."""

    filename: str
    subfolder: str = ""
    # `output`, `temp` or `input`.
    type: str = "output"

    @property
    def name(self) -> str:
        """Return a bare name that is fit for a file of ours, whatever a lying server puts into it."""
        name = PurePosixPath(self.filename.replace("\\", "/")).name
        printable = "".join(letter for letter in name if letter.isprintable())
        return "unnamed" if printable in ("", ".", "..") else printable


@dataclass(frozen=True, kw_only=True)
class OutputFile(FileReference):
    """A file that a node has written."""

    node_id: str
    # The list that it was in: `images`, `gifs`, `video`, `audio`, `3d`, `files`, …
    kind: str
    # The media type, where the node tells it.
    format: str | None = None


@dataclass(frozen=True, kw_only=True)
class OutputText:
    """A text that a node shows."""

    node_id: str
    kind: str
    text: str


Output: TypeAlias = OutputFile | OutputText


@dataclass(frozen=True, kw_only=True)
class ExecutionError:
    """Why a node failed, without secrets."""

    node_id: str
    node_type: str
    exception_type: str
    message: str
    traceback: tuple[str, ...] = ()
    inputs: dict[str, Any] = field(default_factory=dict)
    # The nodes that had been executed by then.
    executed: tuple[str, ...] = ()

    @property
    def is_out_of_memory(self) -> bool:
        said = self.message.lower()
        return self.exception_type.endswith(("OutOfMemoryError", "MemoryError")) or any(
            words in said for words in OUT_OF_MEMORY
        )


@dataclass(frozen=True, kw_only=True)
class PromptRecord:
    """What ComfyUI knows about a prompt."""

    prompt_id: str
    state: PromptState
    # Its place in the queue: lower runs first.
    number: float | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outputs: tuple[Output, ...] = ()
    # Nodes that were not executed because an earlier prompt had done so. Their outputs are the earlier files.
    cached_nodes: frozenset[str] = frozenset()
    error: ExecutionError | None = None
    # The `id` of the workflow that the prompt was made from.
    workflow_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Succeeded:
    record: PromptRecord


@dataclass(frozen=True, kw_only=True)
class Failed:
    record: PromptRecord
    error: ExecutionError


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    record: PromptRecord


@dataclass(frozen=True, kw_only=True)
class Lost:
    """ComfyUI does not know the prompt (any more), and will not run it.

    After a restart that is expected. Otherwise the prompt was never submitted, was deleted from the queue before
    it ran, or has ended and was deleted from the history.
    """

    prompt_id: str
    # Whether ComfyUI has restarted meanwhile; None if that is unknown.
    restarted: bool | None


Outcome: TypeAlias = Succeeded | Failed | Cancelled | Lost


def outcome_of(record: PromptRecord) -> Outcome | None:
    """Return how the prompt has ended; None while it has not."""
    match record.state:
        case PromptState.SUCCEEDED:
            return Succeeded(record=record)
        case PromptState.CANCELLED:
            return Cancelled(record=record)
        case PromptState.FAILED:
            return Failed(record=record, error=record.error or UNKNOWN_ERROR)
        case _:
            return None


UNKNOWN_ERROR = ExecutionError(
    node_id="", node_type="", exception_type="", message="ComfyUI reports a failure without a reason."
)
