"""Converts transfers to what the API returns and the pages show."""

import dataclasses

from backend.downloads.engine.models import Progress
from backend.downloads.models import State, Transfer
from backend.downloads.schemas import ProblemView, TransferView


def view_of(transfer: Transfer, progress: Progress | None) -> TransferView:
    """Combine the record with the progress of a running transfer."""
    progress = progress or _without_progress(transfer)
    fields = {name: getattr(transfer, name) for name in TransferView.model_fields if hasattr(transfer, name)}
    problem = transfer.problem and ProblemView(**dataclasses.asdict(transfer.problem))
    live = {
        "received": progress.received,
        "checked": progress.hashed,
        "speed": progress.speed,
        "seconds_left": progress.seconds_left,
        "connections": progress.connections,
    }
    return TransferView(**fields | live | {"problem": problem, "bytes": progress.total or transfer.bytes})


def _without_progress(transfer: Transfer) -> Progress:
    hashed = transfer.received if transfer.state == State.DONE else 0
    return Progress(received=transfer.received, total=transfer.bytes, hashed=hashed)
