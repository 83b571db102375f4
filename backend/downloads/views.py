"""How a transfer is shown."""

import dataclasses

from backend.downloads.models import Progress, State, Transfer
from backend.downloads.schemas import ProblemView, TransferView


def view_of(transfer: Transfer, progress: Progress | None) -> TransferView:
    """The record together with how far it is, `progress` while it runs."""
    progress = progress or _at_rest(transfer)
    fields = {name: getattr(transfer, name) for name in TransferView.model_fields if hasattr(transfer, name)}
    problem = transfer.problem and ProblemView(**dataclasses.asdict(transfer.problem))
    live = {
        "received": progress.received,
        "checked": progress.checked,
        "speed": progress.speed,
        "seconds_left": progress.seconds_left,
        "connections": progress.connections,
    }
    return TransferView(**fields | live | {"problem": problem, "bytes": progress.total or transfer.bytes})


def _at_rest(transfer: Transfer) -> Progress:
    checked = transfer.received if transfer.state == State.DONE else 0
    return Progress(received=transfer.received, total=transfer.bytes, checked=checked)
