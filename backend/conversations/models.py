"""A conversation, its events, and the tool calls that the model asks for."""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

APPROVAL_LIFETIME = timedelta(hours=24)
MOST_TITLE = 80
MOST_PREVIEW = 160


class State(StrEnum):
    """The state of a conversation: what it waits for."""

    IDLE = "idle"  # for the user
    RUNNING = "running"  # for the model or a tool: the agents process works on it
    WAITING = "waiting"  # for the decision about a call


class CallState(StrEnum):
    READY = "ready"
    WAITING = "waiting"
    APPROVED = "approved"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    # The process ended before the result arrived: the call may have had an effect.
    INTERRUPTED = "interrupted"


class Tier(StrEnum):
    """How long an event is relevant: until its message is complete, until the next state, or permanently."""

    STREAM = "stream"
    STATE = "state"
    MESSAGE = "message"
    TURN = "turn"


@dataclass(frozen=True, kw_only=True)
class Conversation:
    id: str
    title: str
    preview: str
    state: State
    # Increases with each message of the user and each stop. Results for an earlier turn are discarded.
    turn: int
    # Number of the newest event.
    last_event: int
    created_at: datetime
    updated_at: datetime
    # Tools that the user has approved for the rest of this conversation.
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Event:
    """One entry of a conversation. Numbers have no gaps while the message that they belong to is incomplete."""

    conversation_id: str
    number: int
    tier: Tier
    type: str
    # Groups the deltas of one message.
    item: str
    data: dict[str, Any]
    created_at: str

    def frame(self) -> dict[str, Any]:
        """Return the event as a socket sends it."""
        return {key: value for key, value in asdict(self).items() if key != "conversation_id"}


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of a tool, from the model's request until its result has been sent to the model."""

    id: str
    conversation_id: str
    tool: str
    title: str
    # JSON, as the model wrote it.
    arguments: str
    state: CallState
    # Shown to the user who decides: what the call changes, and what it costs.
    effect: str = ""
    cost: str = ""
    result: str = ""
    decided_by: str = ""
    expires_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None

    def view(self) -> dict[str, Any]:
        """Return the call as events and the API show it."""
        return {key: value for key, value in asdict(self).items() if key != "conversation_id"}


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """An object of the pod, such as a job, that a message refers to."""

    kind: str
    id: str
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """An input for the next request to the model: a message of the user, or the beginning of a stopped answer."""

    number: int
    kind: str
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Usage:
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    # In US dollars.
    cost: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An event that has no number yet."""

    tier: Tier
    type: str
    data: dict[str, Any] = field(default_factory=dict)
    item: str = ""
