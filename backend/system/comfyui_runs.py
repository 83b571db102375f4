"""ComfyUI's starts and crashes, as the supervisor's plug-in reports them (scripts/supervisor/watched.py)."""

import json
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from backend.system.models import Action, Service

COMFYUI = "comfyui"


class Exit(BaseModel, frozen=True):
    """An exit that no user requested."""

    at: datetime
    # Negative is the number of a signal.
    code: int
    seconds: float
    was_ready: bool


class Runs(BaseModel, frozen=True):
    """The content of comfyui.json in the run folder."""

    # Null while ComfyUI is down.
    started_at: datetime | None
    # Whether it listens.
    ready: bool
    restart_at: datetime | None
    # Whether it is no longer restarted.
    stays_down: bool
    # Since the last start that a user requested, or since it worked.
    exits: tuple[Exit, ...]
    # The end of what it wrote before its last exit.
    output: str


def read_runs(run_folder: Path) -> Runs | None:
    """Return the report; None outside a pod."""
    try:
        return Runs.model_validate(json.loads((run_folder / "comfyui.json").read_bytes()))
    except (OSError, ValueError, ValidationError):
        return None


def with_state(service: Service, runs: Runs | None) -> Service:
    """Return ComfyUI with a state that says whether it listens and whether it will be restarted.

    For supervisord ComfyUI runs as soon as its process exists, and has just exited while its restart is delayed.
    """
    if service.name != COMFYUI or runs is None:
        return service
    if service.state == "running" and not runs.ready:
        return service.model_copy(update={"state": "starting"})
    if service.state == "exited" and runs.restart_at:
        possible = (Action.RESTART, Action.STOP)
        return service.model_copy(update={"state": "backoff", "possible": possible})
    if service.state == "exited":
        return service.model_copy(update={"state": "fatal" if runs.stays_down else "stopped"})
    return service
