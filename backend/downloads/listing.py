"""The list of all transfers in pages: unfinished ones in the order of the queue, then finished ones, newest first."""

from backend.core import clock
from backend.core.errors import InvalidRequest
from backend.downloads.models import FINISHED, UNFINISHED, State, Transfer
from backend.downloads.schemas import Filter
from backend.downloads.store import TransferFilter, TransferStore
from backend.web.paging import Page, SortKey, decode_cursor, encode_cursor


class TransferList:
    """Reads one page at a time from the database, however many transfers there are."""

    def __init__(self, store: TransferStore):
        self._store = store

    async def page(self, filters: Filter, limit: int, cursor: str | None) -> Page[Transfer]:
        """Return one page. Raise InvalidRequest for a cursor of another list."""
        states = frozenset(filters.state) or frozenset(State)
        queue = TransferFilter(states=states & UNFINISHED, preset=filters.preset, q=filters.q)
        history = TransferFilter(states=states & FINISHED, preset=filters.preset, q=filters.q)
        wanted, found = limit + 1, list[Transfer]()
        match decode_cursor(cursor) if cursor is not None else None:
            case None:
                found += await self._store.queue_page(queue, wanted)
                found += await self._store.finished_page(history, wanted - len(found))
            case [0, int() | float() as position, str() as transfer_id]:
                found += await self._store.queue_page(queue, wanted, (position, transfer_id))
                found += await self._store.finished_page(history, wanted - len(found))
            case [1, str() as finished_at, str() as transfer_id]:
                found += await self._store.finished_page(history, wanted, (finished_at, transfer_id))
            case _:
                raise InvalidRequest(
                    "This cursor does not belong to this list. Start again without `cursor`.",
                    code="bad_cursor",
                )
        items = found[:limit]
        return Page(items, encode_cursor(_key(items[-1])) if len(found) > limit else None)


def _key(transfer: Transfer) -> SortKey:
    if transfer.state in UNFINISHED:
        return (0, transfer.position, transfer.id)
    return (1, clock.to_text(transfer.finished_at or transfer.created_at), transfer.id)
