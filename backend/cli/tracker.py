"""The state of the transfers that a command watches."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.client.downloads import Update
    from backend.client.models import Transfer


class TransferTracker:
    """Keeps the newest state of each transfer. With `everything`, transfers that start later are watched, too."""

    def __init__(self, transfers: "Iterable[Transfer]", *, everything: bool = False):
        self._rows = {transfer.id: transfer for transfer in transfers}
        self._everything = everything
        # Set by the first snapshot: changes before it may have been missed.
        self._current = False

    @property
    def rows(self) -> "list[Transfer]":
        return list(self._rows.values())

    @property
    def over(self) -> bool:
        """Return whether no transfer moves any more."""
        return self._current and not any(row.moves for row in self.rows)

    def apply(self, update: "Update") -> None:
        self._current |= update.snapshot
        for transfer in update.transfers:
            if transfer.id in self._rows or (self._everything and transfer.moves):
                self._rows[transfer.id] = transfer
        for key, fields in update.progress.items():
            if key in self._rows:
                self._rows[key] = self._rows[key].model_copy(update=fields)
        if update.snapshot:
            self._drop_missing({transfer.id for transfer in update.transfers})

    def _drop_missing(self, ids: set[str]) -> None:
        """Drop transfers that were cleared from the history meanwhile: how they ended stays unknown."""
        self._rows = {key: row for key, row in self._rows.items() if key in ids or not row.moves}
