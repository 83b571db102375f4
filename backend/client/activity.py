"""The activity log."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from pydantic import ValidationError

from backend.client.connection import Connection, given
from backend.client.errors import UnexpectedResponse
from backend.client.models import ActivityLog

PATH = "/api/activity"


class ActivityClient:
    """`/api/activity` and `/ws/activity`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def read(
        self, *, after: int | None = None, before: int | None = None, kind: str = "", limit: int = 100
    ) -> ActivityLog:
        """Return the newest entries, those after a number, or those before one."""
        query = given(after=after, before=before, kind=kind, limit=limit)
        return await self._connection.get(PATH, ActivityLog, **query)

    async def follow(self, after: int | None = None) -> AsyncGenerator[ActivityLog, None]:
        """Yield parts of the log without end; no entry is missing or repeated after a reconnection."""
        while True:
            query = "" if after is None else f"?after={after}"
            async with aclosing(self._connection.frames(f"ws/activity{query}")) as frames:
                async for frame in frames:
                    log = _log(frame)
                    after = max([after or 0, *(entry.seq for entry in log.entries)])
                    yield log


def _log(frame: str | bytes) -> ActivityLog:
    try:
        return ActivityLog.model_validate_json(frame)
    except ValidationError:
        raise UnexpectedResponse(
            "The control plane sends entries that this client does not understand. Use the client of its version."
        ) from None
