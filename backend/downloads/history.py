"""Writes what becomes of transfers to the activity log."""

from collections import OrderedDict

from backend.activity.service import Activity
from backend.core.events import EventBus
from backend.downloads.models import State, Transfer, TransferChanged, TransfersChanged

RECORDED = frozenset(
    {State.QUEUED, State.PAUSED, State.DONE, State.FAILED, State.CANCELLED, State.QUARANTINED}
)
MAX_REMEMBERED = 2000


class History:
    """Notes each new state once, although other changes of a transfer are announced as well."""

    def __init__(self, activity: Activity, events: EventBus):
        self._activity = activity
        self._states: OrderedDict[str, State] = OrderedDict()
        events.subscribe(TransferChanged, lambda event: self._note(event.transfer))
        events.subscribe(TransfersChanged, self._note_all)

    def _note_all(self, event: TransfersChanged) -> None:
        for transfer in event.transfers:
            self._note(transfer)

    def _note(self, transfer: Transfer) -> None:
        if self._states.get(transfer.id) == transfer.state:
            return
        self._states[transfer.id] = transfer.state
        if len(self._states) > MAX_REMEMBERED:
            self._states.popitem(last=False)
        if transfer.state in RECORDED:
            self._activity.note(
                f"download.{transfer.state.value}",
                transfer.destination,
                host=transfer.host,
                bytes=transfer.bytes,
                preset=transfer.preset,
                problem=transfer.problem.code if transfer.problem else None,
            )
