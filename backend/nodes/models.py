"""Custom nodes, and operations on them."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

LOG_LINES = 200


class Origin(StrEnum):
    """The source of a node."""

    GIT = "git"
    # The Comfy Registry.
    REGISTRY = "registry"
    # Neither from git nor from the registry.
    FOLDER = "folder"
    # Part of the image; a node of the same name on the volume replaces it.
    IMAGE = "image"


class Action(StrEnum):
    """An operation, as `scripts.nodes` names it."""

    INSTALL = "install"
    UPDATE = "update"
    DISABLE = "disable"
    ENABLE = "enable"
    REMOVE = "remove"


class State(StrEnum):
    """The state of an operation."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class CustomNode:
    """A folder or file that ComfyUI loads, or would load if it were enabled."""

    name: str
    origin: Origin
    enabled: bool
    # A version of the registry, or a commit; empty where unknown.
    version: str = ""
    # The branch of a git checkout; empty while it is at a commit.
    branch: str = ""
    repository: str = ""


@dataclass(kw_only=True)
class Operation:
    """An operation; the service keeps the newest one."""

    action: Action
    # Name of the node, or source of a new one.
    name: str
    started_at: datetime
    state: State = State.RUNNING
    # The result, or why it failed.
    message: str = ""
    finished_at: datetime | None = None
    log: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
