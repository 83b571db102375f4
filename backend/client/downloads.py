"""Downloads: the queue, and its updates as they happen."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from backend.client.connection import Connection, part
from backend.client.errors import UnexpectedResponse
from backend.client.models import BatchReport, LogLine, Policy, Transfer

PATH = "/api/downloads"
# The fields of a progress row after its id; rows of a newer control plane may be longer.
PROGRESS = ("received", "bytes", "speed", "seconds_left", "checked", "connections")


@dataclass(frozen=True, kw_only=True)
class Update:
    """What changed in the queue. A snapshot has all transfers, progress only those that move."""

    snapshot: bool = False
    transfers: list[Transfer] = field(default_factory=list)
    # By id, the fields of a transfer that progress changes.
    progress: dict[str, dict[str, float | None]] = field(default_factory=dict)


class DownloadsClient:
    """`/api/downloads` and `/ws/downloads`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def search(self, **filters: Any) -> list[Transfer]:
        return await self._connection.all(PATH, list[Transfer], **filters)

    async def add(self, **request: Any) -> Transfer:
        return await self._connection.post(PATH, Transfer, json=request)

    async def add_all(self, **request: Any) -> BatchReport:
        """Download a whole repository, folder or version."""
        return await self._connection.post(f"{PATH}/batch", BatchReport, json=request)

    async def control(self, action: str, transfer_id: str) -> Transfer:
        """Pause, resume, retry, cancel or accept a transfer."""
        return await self._connection.post(f"{PATH}/{part(transfer_id)}/{action}", Transfer)

    async def control_all(self, action: str) -> list[Transfer]:
        """Pause, resume or retry all transfers."""
        return await self._connection.post(f"{PATH}/{action}", list[Transfer])

    async def put_first(self, ids: Sequence[str]) -> list[Transfer]:
        return await self._connection.post(f"{PATH}/order", list[Transfer], json={"ids": [*ids]})

    async def clear(self) -> None:
        """Remove finished and cancelled transfers from the list; files stay."""
        await self._connection.request("POST", f"{PATH}/clear")

    async def log(self, transfer_id: str) -> list[LogLine]:
        return await self._connection.all(f"{PATH}/{part(transfer_id)}/log", list[LogLine])

    async def policy(self) -> Policy:
        return await self._connection.get(f"{PATH}/policy", Policy)

    async def set_policy(self, policy: dict[str, Any]) -> Policy:
        return await self._connection.put(f"{PATH}/policy", Policy, policy)

    async def follow(self) -> AsyncGenerator[Update, None]:
        """Yield updates without end, a snapshot first and after each reconnection."""
        while True:
            async with aclosing(self._connection.frames("ws/downloads")) as frames:
                async for frame in frames:
                    yield _update(frame)


def _update(text: str | bytes) -> Update:
    """Frames of a kind that this client does not know change nothing."""
    try:
        match json.loads(text):
            case {"type": "snapshot", "transfers": transfers}:
                return Update(snapshot=True, transfers=[Transfer.model_validate(row) for row in transfers])
            case {"type": "changed", "transfer": transfer}:
                return Update(transfers=[Transfer.model_validate(transfer)])
            case {"type": "transfers", "transfers": transfers}:
                return Update(transfers=[Transfer.model_validate(row) for row in transfers])
            case {"type": "progress", "rows": rows}:
                return Update(progress={row[0]: _progress(row) for row in rows})
    except (ValidationError, LookupError, TypeError, ValueError):
        raise UnexpectedResponse(
            "The control plane sends updates that this client does not understand. Use the client of its version."
        ) from None
    return Update()


def _progress(row: Sequence[Any]) -> dict[str, float | None]:
    """A row without a size must not hide a size that is known."""
    fields = dict(zip(PROGRESS, row[1:], strict=False))
    return {name: value for name, value in fields.items() if (name, value) != ("bytes", None)}
