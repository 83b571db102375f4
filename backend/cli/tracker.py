"""The transfers that somebody watches, as the last news told."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.cli.client import Frame
    from backend.downloads.schemas import TransferView


class TransferTracker:
    """Keeps the newest view of each transfer. With `everything`, those that come along are watched, too."""

    def __init__(self, transfers: "Iterable[TransferView]", *, everything: bool = False):
        self._rows = {transfer.id: transfer for transfer in transfers}
        self._everything = everything
        # At least one snapshot has told that nothing was missed.
        self._current = False

    @property
    def rows(self) -> "list[TransferView]":
        return list(self._rows.values())

    @property
    def over(self) -> bool:
        """Nothing moves any more."""
        return self._current and not any(row.moves for row in self.rows)

    def take(self, frame: "Frame") -> None:
        self._current |= frame.snapshot
        for transfer in frame.transfers:
            if transfer.id in self._rows or (self._everything and transfer.moves):
                self._rows[transfer.id] = transfer
        for key, fields in frame.progress.items():
            if key in self._rows:
                self._rows[key] = self._rows[key].model_copy(update=fields)
        if frame.snapshot:
            self._forget_all_but({transfer.id for transfer in frame.transfers})

    def _forget_all_but(self, ids: set[str]) -> None:
        """Somebody may have cleared the history meanwhile; nobody would ever tell how those ended."""
        self._rows = {key: row for key, row in self._rows.items() if key in ids or not row.moves}
